import {llamaLike, type TransformerModel} from './types.ts'

export const qwen25_7b: TransformerModel = {
  id: 'qwen2.5-7b',
  name: 'Qwen2.5 7B',
  source: 'Hugging Face Qwen/Qwen2.5-7B-Instruct config.json; Qwen Team 2024 (arXiv:2412.15115) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 7_615_616_512, source: 'Hugging Face Qwen/Qwen2.5-7B safetensors index'},
  spec: {
    ...llamaLike,
    bias: {qkv: true, out: false, mlp: false},
    layers: 28,
    hidden: 3584,
    heads: 28,
    kvHeads: 4,
    headDim: 128,
    ffn: 18_944,
    vocab: 152_064,
    positions: 32_768,
  },
}
