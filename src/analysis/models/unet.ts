import type {ModelOf} from './types.ts'

export const unet: ModelOf<'unet'> = {
  id: 'unet',
  name: 'U-Net (2015)',
  source: 'Ronneberger, Fischer & Brox 2015 (arXiv:1505.04597) figure 1: 572 × 572 pixels of one channel, two classes',
  architecture: 'unet',
  dtype: 'f32',
  spec: {channels: 1, filters: 64, levels: 5, padding: 0, classes: 2, image: 572},
}
