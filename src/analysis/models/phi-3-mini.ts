import {llamaLike, type TransformerModel} from './types.ts'

export const phi3Mini: TransformerModel = {
  id: 'phi-3-mini',
  name: 'Phi-3 mini (4k)',
  source: 'Hugging Face microsoft/Phi-3-mini-4k-instruct config.json; Abdin et al. 2024 (arXiv:2404.14219) §2',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 3_821_079_552, source: 'Hugging Face microsoft/Phi-3-mini-4k-instruct safetensors metadata'},
  spec: {
    ...llamaLike,
    layers: 32,
    hidden: 3072,
    heads: 32,
    kvHeads: 32,
    headDim: 96,
    ffn: 8192,
    vocab: 32_064,
    positions: 4096,
    groups: [{name: '', layers: 32, window: 2047}],
  },
}
