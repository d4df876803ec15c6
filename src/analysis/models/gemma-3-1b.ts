import {gemmaLike, type TransformerModel} from './types.ts'

export const gemma3_1b: TransformerModel = {
  id: 'gemma-3-1b',
  name: 'Gemma 3 1B',
  source: 'Hugging Face google/gemma-3-1b-it config.json; Gemma Team 2025 (arXiv:2503.19786) §2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 999_885_952, source: 'Hugging Face google/gemma-3-1b-it safetensors metadata'},
  spec: {
    ...gemmaLike,
    layers: 26,
    hidden: 1152,
    heads: 4,
    kvHeads: 1,
    headDim: 256,
    ffn: 6912,
    vocab: 262_144,
    positions: 32768,
    groups: [
      {name: 'local', layers: 22, window: 512},
      {name: 'global', layers: 4},
    ],
    qkNorm: 'rmsnorm',
  },
}
