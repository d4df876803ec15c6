import type {ModelOf} from './types.ts'

export const vgg19: ModelOf<'vgg'> = {
  id: 'vgg19',
  name: 'VGG-19',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 143_667_240, source: 'torchvision documentation, table of weights: vgg19, num_params'},
  spec: {convolutions: [2, 2, 4, 4, 4], batchnorm: false, classes: 1000},
}
