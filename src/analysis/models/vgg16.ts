import type {ModelOf} from './types.ts'

export const vgg16: ModelOf<'vgg'> = {
  id: 'vgg16',
  name: 'VGG-16',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 138_357_544, source: 'torchvision documentation, table of weights: vgg16, num_params'},
  spec: {convolutions: [2, 2, 3, 3, 3], batchnorm: false, classes: 1000},
}
