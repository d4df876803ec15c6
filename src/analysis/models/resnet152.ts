import type {ModelOf} from './types.ts'

export const resnet152: ModelOf<'resnet'> = {
  id: 'resnet152',
  name: 'ResNet-152',
  source: 'torchvision/models/resnet.py at f52fd335; He et al. 2015 (arXiv:1512.03385) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {parameters: 60_192_808, source: 'torchvision documentation, table of weights: resnet152, num_params'},
  spec: {block: 'bottleneck', blocks: [3, 8, 36, 3], groups: 1, groupWidth: 64, classes: 1000},
}
