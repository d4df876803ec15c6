import type {ModelOf} from './types.ts'

export const alexnet: ModelOf<'alexnet'> = {
  id: 'alexnet',
  name: 'AlexNet',
  source: 'torchvision/models/alexnet.py at f52fd335; Krizhevsky 2014 (arXiv:1404.5997)',
  architecture: 'alexnet',
  dtype: 'f32',
  published: {parameters: 61_100_840, source: 'torchvision documentation, table of weights: alexnet, num_params'},
  spec: {filters: [64, 192, 384, 256, 256], classes: 1000},
}
