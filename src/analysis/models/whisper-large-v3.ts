import type {ModelOf} from './types.ts'

export const whisperLargeV3: ModelOf<'encoder-decoder'> = {
  id: 'whisper-large-v3',
  name: 'Whisper large-v3',
  source:
    'Hugging Face openai/whisper-large-v3 config.json; Radford et al. 2022 (arXiv:2212.04356) table 1; 128 mel bands and one more token than large',
  architecture: 'encoder-decoder',
  dtype: 'f16',
  published: {
    parameters: 1_543_490_560,
    source: 'Hugging Face openai/whisper-large-v3 safetensors metadata, tied head once',
  },
  spec: {
    encoderLayers: 32,
    decoderLayers: 32,
    hidden: 1280,
    heads: 20,
    headDim: 64,
    ffn: 5120,
    vocab: 51_866,
    positions: 448,
    source: 1500,
    norm: 'layernorm',
    activation: 'gelu',
    gated: false,
    bias: true,
    buckets: 0,
    tied: true,
    headScale: false,
    audio: {mels: 128},
  },
}
