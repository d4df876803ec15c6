import type {ModelOf} from './types.ts'

export const resnet101: ModelOf<'resnet'> = {
  id: 'resnet101',
  name: 'ResNet-101',
  source: 'torchvision/models/resnet.py at f52fd335; He et al. 2015 (arXiv:1512.03385) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {parameters: 44_549_160, source: 'torchvision documentation, table of weights: resnet101, num_params'},
  spec: {block: 'bottleneck', blocks: [3, 4, 23, 3], groups: 1, groupWidth: 64, classes: 1000},
}
