import {gemmaLike, type TransformerModel} from './types.ts'

export const gemma3_12b: TransformerModel = {
  id: 'gemma-3-12b',
  name: 'Gemma 3 12B (text)',
  source: 'Hugging Face google/gemma-3-12b-it config.json, text_config; Gemma Team 2025 (arXiv:2503.19786) §2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 11_766_034_176,
    source:
      'Hugging Face google/gemma-3-12b-it safetensors metadata, 12,187,325,040, less the vision tower and the projector, 421,290,864',
  },
  spec: {
    ...gemmaLike,
    layers: 48,
    hidden: 3840,
    heads: 16,
    kvHeads: 8,
    headDim: 256,
    ffn: 15_360,
    vocab: 262_208,
    positions: 131_072,
    groups: [
      {name: 'local', layers: 40, window: 1024},
      {name: 'global', layers: 8},
    ],
    qkNorm: 'rmsnorm',
  },
}
