import type {ModelOf} from './types.ts'

export const resnet34: ModelOf<'resnet'> = {
  id: 'resnet34',
  name: 'ResNet-34',
  source: 'torchvision/models/resnet.py at f52fd335; He et al. 2015 (arXiv:1512.03385) table 1',
  architecture: 'resnet',
  dtype: 'f32',
  published: {parameters: 21_797_672, source: 'torchvision documentation, table of weights: resnet34, num_params'},
  spec: {block: 'basic', blocks: [3, 4, 6, 3], groups: 1, groupWidth: 64, classes: 1000},
}
