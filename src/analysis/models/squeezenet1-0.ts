import type {ModelOf} from './types.ts'

export const squeezenet1_0: ModelOf<'squeezenet'> = {
  id: 'squeezenet1-0',
  name: 'SqueezeNet 1.0',
  source: 'torchvision/models/squeezenet.py at f52fd335; Iandola et al. 2016 (arXiv:1602.07360) table 1',
  architecture: 'squeezenet',
  dtype: 'f32',
  published: {parameters: 1_248_424, source: 'torchvision documentation, table of weights: squeezenet1_0, num_params'},
  spec: {
    stem: {filters: 96, kernel: 7},
    fires: [[16, 16, 32], [32, 48, 48, 64], [64]],
    expands: [[64, 64, 128], [128, 192, 192, 256], [256]],
    classes: 1000,
  },
}
