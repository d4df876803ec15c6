import type {ModelOf} from './types.ts'

export const convnextBase: ModelOf<'convnext'> = {
  id: 'convnext-base',
  name: 'ConvNeXt-B',
  source: 'torchvision/models/convnext.py at f52fd335; Liu et al. 2022 (arXiv:2201.03545) §3',
  architecture: 'convnext',
  dtype: 'f32',
  published: {parameters: 88_591_464, source: 'torchvision documentation, table of weights: convnext_base, num_params'},
  spec: {channels: [128, 256, 512, 1024], blocks: [3, 3, 27, 3], classes: 1000},
}
