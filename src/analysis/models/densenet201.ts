import type {ModelOf} from './types.ts'

export const densenet201: ModelOf<'densenet'> = {
  id: 'densenet201',
  name: 'DenseNet-201',
  source: 'torchvision/models/densenet.py at f52fd335; Huang et al. 2016 (arXiv:1608.06993) table 1',
  architecture: 'densenet',
  dtype: 'f32',
  published: {parameters: 20_013_928, source: 'torchvision documentation, table of weights: densenet201, num_params'},
  spec: {growth: 32, stem: 64, layers: [6, 12, 48, 32], bottleneck: 4, classes: 1000},
}
