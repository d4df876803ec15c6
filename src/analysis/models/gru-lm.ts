import type {ModelOf} from './types.ts'

/** The shape of the medium LSTM model with GRU layers, biases as PyTorch keeps them. */
export const gruLm: ModelOf<'rnn-lm'> = {
  id: 'gru-lm',
  name: 'GRU language model (2 × 650)',
  source:
    'pytorch/examples word_language_model, --model GRU --emsize 650 --nhid 650; vocabulary of Penn Treebank, 10,000',
  architecture: 'rnn-lm',
  dtype: 'f32',
  spec: {cell: 'gru', layers: 2, embedding: 650, hidden: 650, vocab: 10_000, biases: 2, tied: false},
}
