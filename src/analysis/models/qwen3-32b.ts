import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_32b: TransformerModel = {
  id: 'qwen3-32b',
  name: 'Qwen3 32B',
  source: 'Hugging Face Qwen/Qwen3-32B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 32_762_123_264, source: 'Hugging Face Qwen/Qwen3-32B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 64,
    hidden: 5120,
    heads: 64,
    kvHeads: 8,
    headDim: 128,
    ffn: 25600,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
