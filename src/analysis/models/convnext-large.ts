import type {ModelOf} from './types.ts'

export const convnextLarge: ModelOf<'convnext'> = {
  id: 'convnext-large',
  name: 'ConvNeXt-L',
  source: 'torchvision/models/convnext.py at f52fd335; Liu et al. 2022 (arXiv:2201.03545) §3',
  architecture: 'convnext',
  dtype: 'f32',
  published: {
    parameters: 197_767_336,
    source: 'torchvision documentation, table of weights: convnext_large, num_params',
  },
  spec: {channels: [192, 384, 768, 1536], blocks: [3, 3, 27, 3], classes: 1000},
}
