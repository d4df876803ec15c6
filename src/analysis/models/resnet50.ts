import type {ModelOf} from './types.ts'

export const resnet50: ModelOf<'resnet'> = {
  id: 'resnet50',
  name: 'ResNet-50',
  source: 'torchvision/models/resnet.py at f52fd335; He et al. 2015 (arXiv:1512.03385) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {parameters: 25_557_032, source: 'torchvision documentation, table of weights: resnet50, num_params'},
  spec: {block: 'bottleneck', blocks: [3, 4, 6, 3], groups: 1, groupWidth: 64, classes: 1000},
}
