import type {ModelOf} from './types.ts'

export const sd15Unet: ModelOf<'sd-unet'> = {
  id: 'sd-1.5-unet',
  name: 'Stable Diffusion 1.5 U-Net',
  source:
    'Hugging Face stable-diffusion-v1-5/stable-diffusion-v1-5 unet/config.json; Rombach et al. 2021 (arXiv:2112.10752)',
  architecture: 'sd-unet',
  dtype: 'f16',
  published: {
    parameters: 859_520_964,
    source: 'Hugging Face diffusers documentation, ModelMixin.num_parameters: its example is this model',
  },
  spec: {
    latent: 4,
    scale: 8,
    channels: [320, 640, 1280, 1280],
    attention: [true, true, true, false],
    blocks: 2,
    heads: 8,
    groups: 32,
    time: 1280,
    text: {width: 768, tokens: 77},
  },
}
