import type {ModelOf} from './types.ts'

export const vitB16: ModelOf<'vit'> = {
  id: 'vit-b-16',
  name: 'ViT-B/16',
  source: 'torchvision/models/vision_transformer.py at f52fd335; Dosovitskiy et al. 2020 (arXiv:2010.11929) table 1',
  architecture: 'vit',
  dtype: 'f32',
  published: {parameters: 86_567_656, source: 'torchvision documentation, table of weights: vit_b_16, num_params'},
  spec: {patch: 16, layers: 12, hidden: 768, heads: 12, ffn: 3072, image: 224, classes: 1000},
}
