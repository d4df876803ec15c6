import type {ModelOf} from './types.ts'

export const vgg13: ModelOf<'vgg'> = {
  id: 'vgg13',
  name: 'VGG-13',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 133_047_848, source: 'torchvision documentation, table of weights: vgg13, num_params'},
  spec: {convolutions: [2, 2, 2, 2, 2], batchnorm: false, classes: 1000},
}
