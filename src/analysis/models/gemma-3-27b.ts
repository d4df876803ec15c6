import {gemmaLike, type TransformerModel} from './types.ts'

export const gemma3_27b: TransformerModel = {
  id: 'gemma-3-27b',
  name: 'Gemma 3 27B (text)',
  source: 'Hugging Face google/gemma-3-27b-it config.json, text_config; Gemma Team 2025 (arXiv:2503.19786) §2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 27_009_346_304,
    source:
      'Hugging Face google/gemma-3-27b-it safetensors metadata, 27,432,406,640, less the vision tower and the projector, 423,060,336',
  },
  spec: {
    ...gemmaLike,
    layers: 62,
    hidden: 5376,
    heads: 32,
    kvHeads: 16,
    headDim: 128,
    ffn: 21504,
    vocab: 262_208,
    positions: 131072,
    groups: [
      {name: 'local', layers: 52, window: 1024},
      {name: 'global', layers: 10},
    ],
    qkNorm: 'rmsnorm',
  },
}
