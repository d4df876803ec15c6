import type {ModelOf} from './types.ts'

export const resnext10132x8d: ModelOf<'resnet'> = {
  id: 'resnext101-32x8d',
  name: 'ResNeXt-101 32×8d',
  source: 'torchvision/models/resnet.py at f52fd335; Xie et al. 2016 (arXiv:1611.05431)',
  architecture: 'resnet',
  dtype: 'f32',
  published: {
    parameters: 88_791_336,
    source: 'torchvision documentation, table of weights: resnext101_32x8d, num_params',
  },
  spec: {block: 'bottleneck', blocks: [3, 4, 23, 3], groups: 32, groupWidth: 8, classes: 1000},
}
