import type {ModelOf} from './types.ts'

export const vgg11: ModelOf<'vgg'> = {
  id: 'vgg11',
  name: 'VGG-11',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 132_863_336, source: 'torchvision documentation, table of weights: vgg11, num_params'},
  spec: {convolutions: [1, 1, 2, 2, 2], batchnorm: false, classes: 1000},
}
