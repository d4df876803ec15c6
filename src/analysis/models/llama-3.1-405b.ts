import {llamaLike, type TransformerModel} from './types.ts'

export const llama31_405b: TransformerModel = {
  id: 'llama-3.1-405b',
  name: 'Llama 3.1 405B',
  source: 'Hugging Face meta-llama/Llama-3.1-405B config.json; Grattafiori et al. 2024 (arXiv:2407.21783) table 3',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 405_853_388_800, source: 'Hugging Face meta-llama/Llama-3.1-405B safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 126,
    hidden: 16_384,
    heads: 128,
    kvHeads: 8,
    headDim: 128,
    ffn: 53_248,
    vocab: 128_256,
    positions: 131_072,
  },
}
