import {resize} from './resize.ts'

export const interpolateNearest = resize({
  kind: 'interpolate-nearest',
  title: 'resizes an image by copying the nearest element',
  flops: 0,
  gradientFlops: 1,
  source: 'PyTorch interpolate, mode nearest-exact; index arithmetic is no FLOP',
  sample: (at, row, col) => at(Math.round(row), Math.round(col)),
  examples: [
    {
      dims: {batch: 1, channels: 1280, height: 8, width: 8, outHeight: 16, outWidth: 16},
      flops: 0,
      bytes: 1_638_400,
      source: 'Stable Diffusion 1.5 U-Net, first upsampling: 4 B × 1280·(64 + 256)',
    },
  ],
})
