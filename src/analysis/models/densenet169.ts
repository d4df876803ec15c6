import type {ModelOf} from './types.ts'

export const densenet169: ModelOf<'densenet'> = {
  id: 'densenet169',
  name: 'DenseNet-169',
  source: 'torchvision/models/densenet.py at f52fd335; Huang et al. 2016 (arXiv:1608.06993) table 1',
  architecture: 'densenet',
  dtype: 'f32',
  published: {parameters: 14_149_480, source: 'torchvision documentation, table of weights: densenet169, num_params'},
  spec: {growth: 32, stem: 64, layers: [6, 12, 32, 32], bottleneck: 4, classes: 1000},
}
