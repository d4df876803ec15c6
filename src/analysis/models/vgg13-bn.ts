import type {ModelOf} from './types.ts'

export const vgg13Bn: ModelOf<'vgg'> = {
  id: 'vgg13-bn',
  name: 'VGG-13 with BatchNorm',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 133_053_736, source: 'torchvision documentation, table of weights: vgg13_bn, num_params'},
  spec: {convolutions: [2, 2, 2, 2, 2], batchnorm: true, classes: 1000},
}
