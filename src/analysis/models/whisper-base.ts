import type {ModelOf} from './types.ts'

export const whisperBase: ModelOf<'encoder-decoder'> = {
  id: 'whisper-base',
  name: 'Whisper base',
  source: 'Hugging Face openai/whisper-base config.json; Radford et al. 2022 (arXiv:2212.04356) table 1',
  architecture: 'encoder-decoder',
  dtype: 'f32',
  published: {parameters: 72_593_920, source: 'Hugging Face openai/whisper-base safetensors metadata, tied head once'},
  spec: {
    encoderLayers: 6,
    decoderLayers: 6,
    hidden: 512,
    heads: 8,
    headDim: 64,
    ffn: 2048,
    vocab: 51_865,
    positions: 448,
    source: 1500,
    norm: 'layernorm',
    activation: 'gelu',
    gated: false,
    bias: true,
    buckets: 0,
    tied: true,
    headScale: false,
    audio: {mels: 80},
  },
}
