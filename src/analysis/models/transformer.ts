import {gpt2Like, type TransformerModel} from './types.ts'

/** The generic transformer: every dimension is a flag; the defaults are GPT-2's. */
export const transformer: TransformerModel = {
  id: 'transformer',
  name: 'Transformer (generic)',
  source: 'defaults of GPT-2 small: Radford et al. 2019, table 2',
  architecture: 'transformer',
  dtype: 'f32',
  generic: true,
  spec: {
    ...gpt2Like,
    layers: 12,
    hidden: 768,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    ffn: 3072,
    vocab: 50_257,
    positions: 1024,
  },
}
