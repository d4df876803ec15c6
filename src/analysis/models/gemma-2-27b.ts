import {gemmaLike, type TransformerModel} from './types.ts'

export const gemma2_27b: TransformerModel = {
  id: 'gemma-2-27b',
  name: 'Gemma 2 27B',
  source: 'Hugging Face google/gemma-2-27b config.json; Gemma Team 2024 (arXiv:2408.00118) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 27_227_128_320, source: 'Hugging Face google/gemma-2-27b safetensors metadata'},
  spec: {
    ...gemmaLike,
    layers: 46,
    hidden: 4608,
    heads: 32,
    kvHeads: 16,
    headDim: 128,
    ffn: 36864,
    vocab: 256_000,
    positions: 8192,
    groups: [
      {name: 'local', layers: 23, window: 4096},
      {name: 'global', layers: 23},
    ],
    softcap: {scores: true, logits: true},
  },
}
