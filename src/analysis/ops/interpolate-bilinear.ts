import {resize} from './resize.ts'

export const interpolateBilinear = resize({
  kind: 'interpolate-bilinear',
  title: 'resizes an image by a weighted mean of the four nearest elements',
  flops: 9,
  // split in two rows (2 multiplies), each in two columns (4), four additions
  gradientFlops: 10,
  where:
    'two weighted means along the width (2 multiplies, 1 add each), one along the height; weights are per row and column',
  source: 'PyTorch interpolate, mode bilinear, align_corners false',
  sample(at, row, col) {
    const [top, left] = [Math.floor(row), Math.floor(col)]
    const [down, right] = [row - top, col - left]
    const along = (r: number) => (1 - right) * at(r, left) + right * at(r, left + 1)
    return (1 - down) * along(top) + down * along(top + 1)
  },
  examples: [
    {
      dims: {batch: 1, channels: 21, height: 28, width: 28, outHeight: 224, outWidth: 224},
      flops: 9_483_264,
      bytes: 4_280_640,
      source: 'logits of a segmentation net, 8 times up: 9·21·224²; 4 B × 21·(28² + 224²)',
    },
  ],
})
