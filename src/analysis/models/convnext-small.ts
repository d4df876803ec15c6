import type {ModelOf} from './types.ts'

export const convnextSmall: ModelOf<'convnext'> = {
  id: 'convnext-small',
  name: 'ConvNeXt-S',
  source: 'torchvision/models/convnext.py at f52fd335; Liu et al. 2022 (arXiv:2201.03545) §3',
  architecture: 'convnext',
  dtype: 'f32',
  published: {
    parameters: 50_223_688,
    source: 'torchvision documentation, table of weights: convnext_small, num_params',
  },
  spec: {channels: [96, 192, 384, 768], blocks: [3, 3, 27, 3], classes: 1000},
}
