import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_8b: TransformerModel = {
  id: 'qwen3-8b',
  name: 'Qwen3 8B',
  source: 'Hugging Face Qwen/Qwen3-8B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 8_190_735_360, source: 'Hugging Face Qwen/Qwen3-8B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 36,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 12_288,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
