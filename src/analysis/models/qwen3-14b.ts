import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_14b: TransformerModel = {
  id: 'qwen3-14b',
  name: 'Qwen3 14B',
  source: 'Hugging Face Qwen/Qwen3-14B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 14_768_307_200, source: 'Hugging Face Qwen/Qwen3-14B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 40,
    hidden: 5120,
    heads: 40,
    kvHeads: 8,
    headDim: 128,
    ffn: 17408,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
