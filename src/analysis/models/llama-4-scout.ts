import {llamaLike, type TransformerModel} from './types.ts'

/** Three layers of attention in chunks of 8,192 tokens with rotary positions, then one over everything without positions. */
export const llama4Scout: TransformerModel = {
  id: 'llama-4-scout',
  name: 'Llama 4 Scout (text)',
  source:
    'Hugging Face meta-llama/Llama-4-Scout-17B-16E config.json, text_config; model card: 17B active, 109B in all with the vision encoder',
  architecture: 'transformer',
  dtype: 'bf16',
  spec: {
    ...llamaLike,
    layers: 48,
    hidden: 5120,
    heads: 40,
    kvHeads: 8,
    headDim: 128,
    ffn: 16_384,
    vocab: 202_048,
    positions: 262_144,
    qkNorm: 'l2',
    groups: [
      {name: 'chunked', layers: 36, chunk: 8192},
      {name: 'global', layers: 12, positionless: true},
    ],
    mixture: {
      experts: 16,
      topK: 1,
      ffn: 8192,
      sharedFfn: 8192,
      gate: 'sigmoid',
      normalized: false,
      selectionBias: false,
      routerBias: false,
      expertBias: false,
    },
  },
}
