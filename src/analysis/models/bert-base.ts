import {bertLike, type TransformerModel} from './types.ts'

export const bertBase: TransformerModel = {
  id: 'bert-base',
  name: 'BERT base (uncased)',
  source: 'Hugging Face google-bert/bert-base-uncased config.json; Devlin et al. 2018 (arXiv:1810.04805)',
  architecture: 'transformer',
  dtype: 'f32',
  published: {
    parameters: 109_482_240,
    source: 'Hugging Face BertModel of bert-base-uncased, with pooler, without masked-LM head',
  },
  spec: {
    ...bertLike,
    layers: 12,
    hidden: 768,
    heads: 12,
    kvHeads: 12,
    headDim: 64,
    ffn: 3072,
    vocab: 30_522,
    positions: 512,
  },
}
