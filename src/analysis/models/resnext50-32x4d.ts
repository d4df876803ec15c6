import type {ModelOf} from './types.ts'

export const resnext5032x4d: ModelOf<'resnet'> = {
  id: 'resnext50-32x4d',
  name: 'ResNeXt-50 32×4d',
  source: 'torchvision/models/resnet.py at f52fd335; Xie et al. 2016 (arXiv:1611.05431) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {
    parameters: 25_028_904,
    source: 'torchvision documentation, table of weights: resnext50_32x4d, num_params',
  },
  spec: {block: 'bottleneck', blocks: [3, 4, 6, 3], groups: 32, groupWidth: 4, classes: 1000},
}
