import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_30bA3b: TransformerModel = {
  id: 'qwen3-30b-a3b',
  name: 'Qwen3 30B-A3B',
  source: 'Hugging Face Qwen/Qwen3-30B-A3B config.json; Qwen Team 2025 (arXiv:2505.09388) table 2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 30_532_122_624, source: 'Hugging Face Qwen/Qwen3-30B-A3B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 48,
    hidden: 2048,
    heads: 32,
    kvHeads: 4,
    headDim: 128,
    ffn: 6144,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
    mixture: {
      experts: 128,
      topK: 8,
      ffn: 768,
      sharedFfn: 0,
      gate: 'softmax',
      normalized: true,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
