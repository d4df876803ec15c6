import type {ModelOf} from './types.ts'

export const vgg16Bn: ModelOf<'vgg'> = {
  id: 'vgg16-bn',
  name: 'VGG-16 with BatchNorm',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 138_365_992, source: 'torchvision documentation, table of weights: vgg16_bn, num_params'},
  spec: {convolutions: [2, 2, 3, 3, 3], batchnorm: true, classes: 1000},
}
