import {llamaLike, type TransformerModel} from './types.ts'

export const llama3_70b: TransformerModel = {
  id: 'llama-3-70b',
  name: 'Llama 3 70B',
  source: 'Hugging Face meta-llama/Meta-Llama-3-70B config.json; Grattafiori et al. 2024 (arXiv:2407.21783) table 3',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 70_553_706_496, source: 'Hugging Face meta-llama/Meta-Llama-3-70B safetensors index'},
  spec: {
    ...llamaLike,
    layers: 80,
    hidden: 8192,
    heads: 64,
    kvHeads: 8,
    headDim: 128,
    ffn: 28_672,
    vocab: 128_256,
    positions: 8192,
  },
}
