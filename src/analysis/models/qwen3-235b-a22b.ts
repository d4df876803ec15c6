import {llamaLike, type TransformerModel} from './types.ts'

export const qwen3_235bA22b: TransformerModel = {
  id: 'qwen3-235b-a22b',
  name: 'Qwen3 235B-A22B',
  source: 'Hugging Face Qwen/Qwen3-235B-A22B config.json; Qwen Team 2025 (arXiv:2505.09388) table 2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 235_093_634_560, source: 'Hugging Face Qwen/Qwen3-235B-A22B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 94,
    hidden: 4096,
    heads: 64,
    kvHeads: 4,
    headDim: 128,
    ffn: 12_288,
    vocab: 151_936,
    positions: 40_960,
    qkNorm: 'rmsnorm',
    mixture: {
      experts: 128,
      topK: 8,
      ffn: 1536,
      sharedFfn: 0,
      gate: 'softmax',
      normalized: true,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
