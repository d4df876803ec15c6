import type {ModelOf} from './types.ts'

export const wideResnet101: ModelOf<'resnet'> = {
  id: 'wide-resnet101-2',
  name: 'Wide ResNet-101-2',
  source: 'torchvision/models/resnet.py at f52fd335; Zagoruyko & Komodakis 2016 (arXiv:1605.07146)',
  architecture: 'resnet',
  dtype: 'f32',
  published: {
    parameters: 126_886_696,
    source: 'torchvision documentation, table of weights: wide_resnet101_2, num_params',
  },
  spec: {block: 'bottleneck', blocks: [3, 4, 23, 3], groups: 1, groupWidth: 128, classes: 1000},
}
