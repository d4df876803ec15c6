import type {ModelOf} from './types.ts'

export const t5Base: ModelOf<'encoder-decoder'> = {
  id: 't5-base',
  name: 'T5 base',
  source: 'Hugging Face google-t5/t5-base config.json; Raffel et al. 2020 (arXiv:1910.10683) §2.1',
  architecture: 'encoder-decoder',
  dtype: 'f32',
  published: {
    parameters: 222_903_552,
    source: 'Hugging Face google-t5/t5-base safetensors metadata, shared table once',
  },
  spec: {
    encoderLayers: 12,
    decoderLayers: 12,
    hidden: 768,
    heads: 12,
    headDim: 64,
    ffn: 3072,
    vocab: 32_128,
    positions: 512,
    source: 512,
    norm: 'rmsnorm',
    activation: 'relu',
    gated: false,
    bias: false,
    buckets: 32,
    tied: true,
    headScale: true,
  },
}
