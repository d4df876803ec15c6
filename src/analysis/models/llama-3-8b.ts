import {llamaLike, type TransformerModel} from './types.ts'

export const llama3_8b: TransformerModel = {
  id: 'llama-3-8b',
  name: 'Llama 3 8B',
  source: 'Hugging Face meta-llama/Meta-Llama-3-8B config.json; Grattafiori et al. 2024 (arXiv:2407.21783) table 3',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 8_030_261_248, source: 'Hugging Face meta-llama/Meta-Llama-3-8B safetensors index'},
  spec: {
    ...llamaLike,
    layers: 32,
    hidden: 4096,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    ffn: 14_336,
    vocab: 128_256,
    positions: 8192,
  },
}
