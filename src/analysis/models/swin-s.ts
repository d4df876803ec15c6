import type {ModelOf} from './types.ts'

export const swinS: ModelOf<'swin'> = {
  id: 'swin-s',
  name: 'Swin-S',
  source: 'torchvision/models/swin_transformer.py at f52fd335; Liu et al. 2021 (arXiv:2103.14030) table 7',
  architecture: 'swin',
  dtype: 'f32',
  published: {parameters: 49_606_258, source: 'torchvision documentation, table of weights: swin_s, num_params'},
  spec: {patch: 4, hidden: 96, blocks: [2, 2, 18, 2], heads: [3, 6, 12, 24], window: 7, classes: 1000},
}
