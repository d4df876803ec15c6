import {gemmaLike, type TransformerModel} from './types.ts'

/** Every other layer sees a window of 4,096 tokens; here the local layers come first, which changes no count. */
export const gemma2_9b: TransformerModel = {
  id: 'gemma-2-9b',
  name: 'Gemma 2 9B',
  source: 'Hugging Face google/gemma-2-9b config.json; Gemma Team 2024 (arXiv:2408.00118) table 1',
  architecture: 'transformer',
  dtype: 'bf16',
  published: {parameters: 9_241_705_984, source: 'Hugging Face google/gemma-2-9b safetensors metadata'},
  spec: {
    ...gemmaLike,
    layers: 42,
    hidden: 3584,
    heads: 16,
    kvHeads: 8,
    headDim: 256,
    ffn: 14_336,
    vocab: 256_000,
    positions: 8192,
    groups: [
      {name: 'local', layers: 21, window: 4096},
      {name: 'global', layers: 21},
    ],
    softcap: {scores: true, logits: true},
  },
}
