import type {ModelOf} from './types.ts'

export const vgg19Bn: ModelOf<'vgg'> = {
  id: 'vgg19-bn',
  name: 'VGG-19 with BatchNorm',
  source: 'torchvision/models/vgg.py at f52fd335; Simonyan & Zisserman 2014 (arXiv:1409.1556) table 1',
  architecture: 'vgg',
  dtype: 'f32',
  published: {parameters: 143_678_248, source: 'torchvision documentation, table of weights: vgg19_bn, num_params'},
  spec: {convolutions: [2, 2, 4, 4, 4], batchnorm: true, classes: 1000},
}
