import type {ModelOf} from './types.ts'

export const vitB32: ModelOf<'vit'> = {
  id: 'vit-b-32',
  name: 'ViT-B/32',
  source: 'torchvision/models/vision_transformer.py at f52fd335; Dosovitskiy et al. 2020 (arXiv:2010.11929) table 1',
  architecture: 'vit',
  dtype: 'f32',
  published: {parameters: 88_224_232, source: 'torchvision documentation, table of weights: vit_b_32, num_params'},
  spec: {patch: 32, layers: 12, hidden: 768, heads: 12, ffn: 3072, image: 224, classes: 1000},
}
