import type {ModelOf} from './types.ts'

export const mamba2_27b: ModelOf<'mamba2'> = {
  id: 'mamba2-2.7b',
  name: 'Mamba-2 2.7B',
  source:
    'Hugging Face state-spaces/mamba2-2.7b config.json; Dao & Gu 2024 (arXiv:2405.21060) §9; vocabulary padded to 50,288',
  architecture: 'mamba2',
  dtype: 'f32',
  spec: {
    layers: 64,
    hidden: 2560,
    heads: 80,
    headDim: 64,
    state: 128,
    groups: 1,
    taps: 4,
    convBias: true,
    bias: false,
    vocab: 50_288,
    tied: true,
  },
}
