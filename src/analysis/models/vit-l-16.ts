import type {ModelOf} from './types.ts'

export const vitL16: ModelOf<'vit'> = {
  id: 'vit-l-16',
  name: 'ViT-L/16',
  source: 'torchvision/models/vision_transformer.py at f52fd335; Dosovitskiy et al. 2020 (arXiv:2010.11929) table 1',
  architecture: 'vit',
  dtype: 'f32',
  published: {parameters: 304_326_632, source: 'torchvision documentation, table of weights: vit_l_16, num_params'},
  spec: {patch: 16, layers: 24, hidden: 1024, heads: 16, ffn: 4096, image: 224, classes: 1000},
}
