import type {ModelOf} from './types.ts'

export const resnext10164x4d: ModelOf<'resnet'> = {
  id: 'resnext101-64x4d',
  name: 'ResNeXt-101 64×4d',
  source: 'torchvision/models/resnet.py at f52fd335; Xie et al. 2016 (arXiv:1611.05431)',
  architecture: 'resnet',
  dtype: 'f32',
  published: {
    parameters: 83_455_272,
    source: 'torchvision documentation, table of weights: resnext101_64x4d, num_params',
  },
  spec: {block: 'bottleneck', blocks: [3, 4, 23, 3], groups: 64, groupWidth: 4, classes: 1000},
}
