import {llamaLike, type TransformerModel} from './types.ts'

export const deepseekV2Lite: TransformerModel = {
  id: 'deepseek-v2-lite',
  name: 'DeepSeek-V2-Lite',
  source: 'Hugging Face deepseek-ai/DeepSeek-V2-Lite config.json; DeepSeek-AI 2024 (arXiv:2405.04434) appendix B',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 15_706_484_224, source: 'Hugging Face deepseek-ai/DeepSeek-V2-Lite safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 27,
    hidden: 2048,
    heads: 16,
    kvHeads: 16,
    headDim: 128,
    ffn: 10944,
    vocab: 102_400,
    positions: 163_840,
    groups: [
      {name: 'dense', layers: 1, dense: true},
      {name: 'moe', layers: 26},
    ],
    latent: {queryRank: 0, rank: 512, nopeDim: 128, ropeDim: 64, valueDim: 128},
    mixture: {
      experts: 64,
      topK: 6,
      ffn: 1408,
      sharedFfn: 2816,
      gate: 'softmax',
      normalized: false,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
