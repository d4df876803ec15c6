import {llamaLike, type TransformerModel} from './types.ts'

/** v0.2: full attention over 32,768 positions; v0.1 has the same dimensions and a sliding window of 4,096. */
export const mistral7b: TransformerModel = {
  id: 'mistral-7b',
  name: 'Mistral 7B v0.2',
  source: 'Hugging Face mistralai/Mistral-7B-Instruct-v0.2 config.json; Jiang et al. 2023 (arXiv:2310.06825) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 7_241_732_096, source: 'Hugging Face mistralai/Mistral-7B-v0.1 safetensors index'},
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
  },
}
