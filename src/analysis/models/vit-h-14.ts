import type {ModelOf} from './types.ts'

export const vitH14: ModelOf<'vit'> = {
  id: 'vit-h-14',
  name: 'ViT-H/14',
  source: 'torchvision/models/vision_transformer.py at f52fd335; Dosovitskiy et al. 2020 (arXiv:2010.11929) table 1',
  architecture: 'vit',
  dtype: 'f32',
  published: {parameters: 632_045_800, source: 'torchvision documentation, table of weights: vit_h_14, num_params'},
  spec: {patch: 14, layers: 32, hidden: 1280, heads: 16, ffn: 5120, image: 224, classes: 1000},
}
