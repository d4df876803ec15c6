import type {ModelOf} from './types.ts'

export const swinT: ModelOf<'swin'> = {
  id: 'swin-t',
  name: 'Swin-T',
  source: 'torchvision/models/swin_transformer.py at f52fd335; Liu et al. 2021 (arXiv:2103.14030) table 7',
  architecture: 'swin',
  dtype: 'f32',
  published: {parameters: 28_288_354, source: 'torchvision documentation, table of weights: swin_t, num_params'},
  spec: {patch: 4, hidden: 96, blocks: [2, 2, 6, 2], heads: [3, 6, 12, 24], window: 7, classes: 1000},
}
