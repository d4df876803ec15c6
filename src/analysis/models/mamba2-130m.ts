import type {ModelOf} from './types.ts'

export const mamba2_130m: ModelOf<'mamba2'> = {
  id: 'mamba2-130m',
  name: 'Mamba-2 130M',
  source:
    'Hugging Face state-spaces/mamba2-130m config.json; Dao & Gu 2024 (arXiv:2405.21060) §9; vocabulary padded to 50,288',
  architecture: 'mamba2',
  dtype: 'f32',
  spec: {
    layers: 24,
    hidden: 768,
    heads: 24,
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
