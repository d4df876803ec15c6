import {llamaLike, type TransformerModel} from './types.ts'

/** The main model, in bf16 as the cache of published comparisons; the weights were released in fp8 (--weights-dtype fp8). */
export const deepseekV3: TransformerModel = {
  id: 'deepseek-v3',
  name: 'DeepSeek-V3',
  source: 'Hugging Face deepseek-ai/DeepSeek-V3 config.json; DeepSeek-AI 2024 (arXiv:2412.19437) §4.2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 671_026_419_200,
    source:
      'Hugging Face deepseek-ai/DeepSeek-V3 safetensors headers, main model: without the multi-token prediction module and quantization scales',
  },
  spec: {
    ...llamaLike,
    layers: 61,
    hidden: 7168,
    heads: 128,
    kvHeads: 128,
    headDim: 128,
    ffn: 18_432,
    vocab: 129_280,
    positions: 163_840,
    groups: [
      {name: 'dense', layers: 3, dense: true},
      {name: 'moe', layers: 58},
    ],
    latent: {queryRank: 1536, rank: 512, nopeDim: 128, ropeDim: 64, valueDim: 128},
    mixture: {
      experts: 256,
      topK: 8,
      ffn: 2048,
      sharedFfn: 2048,
      gate: 'sigmoid',
      normalized: true,
      selectionBias: true,
      routerBias: false,
      expertBias: false,
    },
  },
}
