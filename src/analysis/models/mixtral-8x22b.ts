import {llamaLike, type TransformerModel} from './types.ts'

export const mixtral8x22b: TransformerModel = {
  id: 'mixtral-8x22b',
  name: 'Mixtral 8x22B',
  source:
    'Hugging Face mistralai/Mixtral-8x22B-Instruct-v0.1 config.json; Mistral AI, Cheaper, better, faster, stronger (2024-04-17)',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {
    parameters: 140_630_071_296,
    source: 'Hugging Face mistralai/Mixtral-8x22B-Instruct-v0.1 safetensors metadata (vocabulary of 32,768)',
  },
  spec: {
    ...llamaLike,
    layers: 56,
    hidden: 6144,
    heads: 48,
    kvHeads: 8,
    headDim: 128,
    ffn: 16_384,
    vocab: 32_768,
    positions: 65_536,
    mixture: {
      experts: 8,
      topK: 2,
      ffn: 16_384,
      sharedFfn: 0,
      gate: 'softmax',
      normalized: true,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
