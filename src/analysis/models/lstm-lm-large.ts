import type {ModelOf} from './types.ts'

/** 2 layers of 1,500: 66 million parameters in the tables of later papers (Merity et al. 2016, arXiv:1609.07843, table 1). */
export const lstmLmLarge: ModelOf<'rnn-lm'> = {
  id: 'lstm-lm-large',
  name: 'LSTM language model (Zaremba, large)',
  source: 'Zaremba et al. 2014 (arXiv:1409.2329) §4.1 and table 1: 2 layers of 1,500 units, vocabulary of 10,000',
  architecture: 'rnn-lm',
  dtype: 'f32',
  spec: {cell: 'lstm', layers: 2, embedding: 1500, hidden: 1500, vocab: 10_000, biases: 1, tied: false},
}
