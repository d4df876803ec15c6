import type {ModelOf} from './types.ts'

export const densenet121: ModelOf<'densenet'> = {
  id: 'densenet121',
  name: 'DenseNet-121',
  source: 'torchvision/models/densenet.py at f52fd335; Huang et al. 2016 (arXiv:1608.06993) table 1',
  architecture: 'densenet',
  dtype: 'f32',
  published: {parameters: 7_978_856, source: 'torchvision documentation, table of weights: densenet121, num_params'},
  spec: {growth: 32, stem: 64, layers: [6, 12, 24, 16], bottleneck: 4, classes: 1000},
}
