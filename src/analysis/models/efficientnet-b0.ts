import type {ModelOf} from './types.ts'

export const efficientnetB0: ModelOf<'mobilenet'> = {
  id: 'efficientnet-b0',
  name: 'EfficientNet-B0',
  source: 'torchvision/models/efficientnet.py at f52fd335; Tan & Le 2019 (arXiv:1905.11946) table 1',
  architecture: 'mobilenet',
  dtype: 'f32',
  published: {
    parameters: 5_288_548,
    source: 'torchvision documentation, table of weights: efficientnet_b0, num_params',
  },
  spec: {
    stem: 32,
    stages: [
      {expand: 1, channels: 16, blocks: 1, stride: 1, kernel: 3},
      {expand: 6, channels: 24, blocks: 2, stride: 2, kernel: 3},
      {expand: 6, channels: 40, blocks: 2, stride: 2, kernel: 5},
      {expand: 6, channels: 80, blocks: 3, stride: 2, kernel: 3},
      {expand: 6, channels: 112, blocks: 3, stride: 1, kernel: 5},
      {expand: 6, channels: 192, blocks: 4, stride: 2, kernel: 5},
      {expand: 6, channels: 320, blocks: 1, stride: 1, kernel: 3},
    ],
    head: 1280,
    activation: 'silu',
    squeeze: true,
    classes: 1000,
  },
}
