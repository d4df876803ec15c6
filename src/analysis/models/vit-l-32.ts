import type {ModelOf} from './types.ts'

export const vitL32: ModelOf<'vit'> = {
  id: 'vit-l-32',
  name: 'ViT-L/32',
  source: 'torchvision/models/vision_transformer.py at f52fd335; Dosovitskiy et al. 2020 (arXiv:2010.11929) table 1',
  architecture: 'vit',
  dtype: 'f32',
  published: {parameters: 306_535_400, source: 'torchvision documentation, table of weights: vit_l_32, num_params'},
  spec: {patch: 32, layers: 24, hidden: 1024, heads: 16, ffn: 4096, image: 224, classes: 1000},
}
