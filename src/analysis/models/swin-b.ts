import type {ModelOf} from './types.ts'

export const swinB: ModelOf<'swin'> = {
  id: 'swin-b',
  name: 'Swin-B',
  source: 'torchvision/models/swin_transformer.py at f52fd335; Liu et al. 2021 (arXiv:2103.14030) table 7',
  architecture: 'swin',
  dtype: 'f32',
  published: {parameters: 87_768_224, source: 'torchvision documentation, table of weights: swin_b, num_params'},
  spec: {patch: 4, hidden: 128, blocks: [2, 2, 18, 2], heads: [4, 8, 16, 32], window: 7, classes: 1000},
}
