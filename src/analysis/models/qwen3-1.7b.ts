import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_17b: TransformerModel = {
  id: 'qwen3-1.7b',
  name: 'Qwen3 1.7B',
  source: 'Hugging Face Qwen/Qwen3-1.7B config.json; Qwen Team 2025 (arXiv:2505.09388) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 1_720_574_976,
    source:
      'Hugging Face Qwen/Qwen3-1.7B safetensors metadata, 2,031,739,904, less the copy of the tied table, 151,936 × 2,048',
  },
  spec: {
    ...llamaLike,
    tied: true,
    layers: 28,
    hidden: 2048,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    ffn: 6144,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
  },
}
