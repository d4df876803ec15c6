import type {ModelOf} from './types.ts'

export const mobilenetV2: ModelOf<'mobilenet'> = {
  id: 'mobilenet-v2',
  name: 'MobileNetV2',
  source: 'torchvision/models/mobilenetv2.py at f52fd335; Sandler et al. 2018 (arXiv:1801.04381) table 2',
  architecture: 'mobilenet',
  dtype: 'f32',
  published: {parameters: 3_504_872, source: 'torchvision documentation, table of weights: mobilenet_v2, num_params'},
  spec: {
    stem: 32,
    stages: [
      {expand: 1, channels: 16, blocks: 1, stride: 1, kernel: 3},
      {expand: 6, channels: 24, blocks: 2, stride: 2, kernel: 3},
      {expand: 6, channels: 32, blocks: 3, stride: 2, kernel: 3},
      {expand: 6, channels: 64, blocks: 4, stride: 2, kernel: 3},
      {expand: 6, channels: 96, blocks: 3, stride: 1, kernel: 3},
      {expand: 6, channels: 160, blocks: 3, stride: 2, kernel: 3},
      {expand: 6, channels: 320, blocks: 1, stride: 1, kernel: 3},
    ],
    head: 1280,
    activation: 'relu6',
    squeeze: false,
    classes: 1000,
  },
}
