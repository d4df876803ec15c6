import {gemmaLike, type TransformerModel} from './types.ts'

export const gemma2_2b: TransformerModel = {
  id: 'gemma-2-2b',
  name: 'Gemma 2 2B',
  source: 'Hugging Face google/gemma-2-2b config.json; Gemma Team 2024 (arXiv:2408.00118) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 2_614_341_888, source: 'Hugging Face google/gemma-2-2b safetensors metadata'},
  spec: {
    ...gemmaLike,
    layers: 26,
    hidden: 2304,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    ffn: 9216,
    vocab: 256_000,
    positions: 8192,
    groups: [
      {name: 'local', layers: 13, window: 4096},
      {name: 'global', layers: 13},
    ],
    softcap: {scores: true, logits: true},
  },
}
