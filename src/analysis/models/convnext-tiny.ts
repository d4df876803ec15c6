import type {ModelOf} from './types.ts'

export const convnextTiny: ModelOf<'convnext'> = {
  id: 'convnext-tiny',
  name: 'ConvNeXt-T',
  source: 'torchvision/models/convnext.py at f52fd335; Liu et al. 2022 (arXiv:2201.03545) §3',
  architecture: 'convnext',
  dtype: 'f32',
  published: {parameters: 28_589_128, source: 'torchvision documentation, table of weights: convnext_tiny, num_params'},
  spec: {channels: [96, 192, 384, 768], blocks: [3, 3, 9, 3], classes: 1000},
}
