import type {ModelOf} from './types.ts'

export const resnet18: ModelOf<'resnet'> = {
  id: 'resnet18',
  name: 'ResNet-18',
  source: 'torchvision/models/resnet.py at f52fd335; He et al. 2015 (arXiv:1512.03385) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {parameters: 11_689_512, source: 'torchvision documentation, table of weights: resnet18, num_params'},
  spec: {block: 'basic', blocks: [2, 2, 2, 2], groups: 1, groupWidth: 64, classes: 1000},
}
