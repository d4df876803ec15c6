import type {ModelOf} from './types.ts'

/** The medium model: 2 layers of 650, 35 steps, batch 20 in training. One bias vector per gate, as the paper writes it. */
export const lstmLm: ModelOf<'rnn-lm'> = {
  id: 'lstm-lm',
  name: 'LSTM language model (Zaremba, medium)',
  source: 'Zaremba et al. 2014 (arXiv:1409.2329) §4.1: 2 layers of 650 units, Penn Treebank vocabulary of 10,000',
  architecture: 'rnn-lm',
  dtype: 'f32',
  spec: {cell: 'lstm', layers: 2, embedding: 650, hidden: 650, vocab: 10_000, biases: 1, tied: false},
}
