import type {ModelOf} from './types.ts'

export const densenet161: ModelOf<'densenet'> = {
  id: 'densenet161',
  name: 'DenseNet-161',
  source: 'torchvision/models/densenet.py at f52fd335; Huang et al. 2016 (arXiv:1608.06993) table 1',
  architecture: 'densenet',
  dtype: 'f32',
  published: {parameters: 28_681_000, source: 'torchvision documentation, table of weights: densenet161, num_params'},
  spec: {growth: 48, stem: 96, layers: [6, 12, 36, 24], bottleneck: 4, classes: 1000},
}
