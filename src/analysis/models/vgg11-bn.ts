import type {ModelOf} from './types.ts'

export const vgg11Bn: ModelOf<'vgg'> = {
  id: 'vgg11-bn',
  name: 'VGG-11 with BatchNorm',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 132_868_840, source: 'torchvision documentation, table of weights: vgg11_bn, num_params'},
  spec: {convolutions: [1, 1, 2, 2, 2], batchnorm: true, classes: 1000},
}
