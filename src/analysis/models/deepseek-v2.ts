import {llamaLike, type TransformerModel} from './types.ts'

export const deepseekV2: TransformerModel = {
  id: 'deepseek-v2',
  name: 'DeepSeek-V2',
  source: 'Hugging Face deepseek-ai/DeepSeek-V2 config.json; DeepSeek-AI 2024 (arXiv:2405.04434) §3.1.2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 235_741_434_880, source: 'Hugging Face deepseek-ai/DeepSeek-V2 safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 60,
    hidden: 5120,
    heads: 128,
    kvHeads: 128,
    headDim: 128,
    ffn: 12288,
    vocab: 102_400,
    positions: 163_840,
    groups: [
      {name: 'dense', layers: 1, dense: true},
      {name: 'moe', layers: 59},
    ],
    latent: {queryRank: 1536, rank: 512, nopeDim: 128, ropeDim: 64, valueDim: 128},
    mixture: {
      experts: 160,
      topK: 6,
      ffn: 1536,
      sharedFfn: 3072,
      gate: 'softmax',
      normalized: false,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
