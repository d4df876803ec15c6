import type {ModelOf} from './types.ts'

export const wideResnet50: ModelOf<'resnet'> = {
  id: 'wide-resnet50-2',
  name: 'Wide ResNet-50-2',
  source: 'torchvision/models/resnet.py at f52fd335; Zagoruyko & Komodakis 2016 (arXiv:1605.07146)',
  architecture: 'resnet',
  dtype: 'f32',
  published: {
    parameters: 68_883_240,
    source: 'torchvision documentation, table of weights: wide_resnet50_2, num_params',
  },
  spec: {block: 'bottleneck', blocks: [3, 4, 6, 3], groups: 1, groupWidth: 128, classes: 1000},
}
