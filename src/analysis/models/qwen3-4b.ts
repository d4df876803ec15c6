import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_4b: TransformerModel = {
  id: 'qwen3-4b',
  name: 'Qwen3 4B',
  source: 'Hugging Face Qwen/Qwen3-4B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 4_022_468_096, source: 'Hugging Face Qwen/Qwen3-4B safetensors metadata'},
  spec: {
    ...llamaLike,
    tied: true,
    layers: 36,
    hidden: 2560,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 9728,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
