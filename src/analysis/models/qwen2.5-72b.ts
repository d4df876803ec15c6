import {llamaLike, type TransformerModel} from './types.ts'

export const qwen25_72b: TransformerModel = {
  id: 'qwen2.5-72b',
  name: 'Qwen2.5 72B',
  source: 'Hugging Face Qwen/Qwen2.5-72B-Instruct config.json; Qwen Team 2024 (arXiv:2412.15115) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 72_706_203_648, source: 'Hugging Face Qwen/Qwen2.5-72B safetensors metadata'},
  spec: {
    ...llamaLike,
    bias: {qkv: true, out: false, mlp: false},
    layers: 80,
    hidden: 8_192,
    heads: 64,
    kvHeads: 8,
    headDim: 128,
    ffn: 29_568,
    vocab: 152_064,
    positions: 32_768,
  },
}
