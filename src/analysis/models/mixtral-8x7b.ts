import {llamaLike, type TransformerModel} from './types.ts'

/** `ffn` is the width of a dense layer, of which there is none; the experts have their own. */
export const mixtral8x7b: TransformerModel = {
  id: 'mixtral-8x7b',
  name: 'Mixtral 8x7B',
  source: 'Hugging Face mistralai/Mixtral-8x7B-v0.1 config.json; Jiang et al. 2024 (arXiv:2401.04088) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 46_702_792_704, source: 'Hugging Face mistralai/Mixtral-8x7B-v0.1 safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 32,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 14_336,
    vocab: 32_000,
    positions: 32_768,
    mixture: {
      experts: 8,
      topK: 2,
      ffn: 14_336,
      sharedFfn: 0,
      gate: 'softmax',
      normalized: true,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
