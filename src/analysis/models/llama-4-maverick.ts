import {llamaLike, type TransformerModel} from './types.ts'

/**
 * Three layers of attention in chunks of 8,192 tokens with rotary positions, then one over everything without positions;
 * every other layer is a mixture, among them all that see everything. No norms of queries and keys.
 */
export const llama4Maverick: TransformerModel = {
  id: 'llama-4-maverick',
  name: 'Llama 4 Maverick (text)',
  source:
    'Hugging Face meta-llama/Llama-4-Maverick-17B-128E config.json, text_config; model card: 17B active, 400B in all with the vision encoder',
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
    positions: 1_048_576,
    groups: [
      {name: 'dense', layers: 24, chunk: 8192, dense: true},
      {name: 'chunked', layers: 12, chunk: 8192},
      {name: 'global', layers: 12, positionless: true},
    ],
    mixture: {
      experts: 128,
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
