import {gradientOf, vectorPart} from '../training/rules.ts'
import {winogradFilters} from './conv-winograd.ts'
import {type OpDef, output, weight} from './types.ts'

/** 3×3 filters for a Winograd convolution with tiles of `tile` × `tile` outputs, `tile` being 2 or 4. */
export type WinogradFiltersDims = {readonly channels: number; readonly filters: number; readonly tile: number}

/**
 * FLOPs of one filter: tile + 5 transforms along an axis, of 3 additions and 2 multiplications (F(2, 3)) or 6 and 6
 * (F(4, 3)); transposed, tile − 1 additions more each (Tellegen's principle).
 */
const perFilter = (tile: number) =>
  tile <= 2
    ? {points: 16, transformFlops: 7 * 5, gradientFlops: 7 * 6}
    : {points: 36, transformFlops: 9 * 12, gradientFlops: 9 * 15}

export const winogradFiltersOp: OpDef<'winograd-filters', WinogradFiltersDims> = {
  kind: 'winograd-filters',
  title: 'transforms 3×3 filters for a Winograd convolution: G·w·Gᵀ; once ahead for inference, every step in training',
  trait: 'elementwise',
  formula: 'channels·filters·transformFlops',
  where:
    'transformFlops, gradientFlops = 35, 42 for tile 2, 108, 135 for tile 4; written: (tile + 2)² values per filter',
  derived({tile}) {
    const {transformFlops, gradientFlops} = perFilter(tile)
    return {transformFlops, gradientFlops}
  },
  source: 'Lavin & Gray 2015 (arXiv:1509.09308) §4.1, algorithm 1',
  cost({channels, filters, tile}) {
    const {points, transformFlops} = perFilter(tile)
    const flops = channels * filters * transformFlops
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [weight('w', 9 * channels * filters)],
      writes: [output('transformed filters', points * channels * filters)],
    }
  },
  reference: ({channels, filters, tile}, [w]) => [winogradFilters(tile, filters, channels, w!)],
  backward({channels, filters, tile}) {
    const {points, gradientFlops} = perFilter(tile)
    return {
      data: null,
      weights: vectorPart('channels·filters·gradientFlops', channels * filters * gradientFlops, {
        reads: [gradientOf(0, points * channels * filters)],
        writes: [{at: 0, elements: 9 * channels * filters}],
      }),
    }
  },
  examples: [
    {
      dims: {channels: 64, filters: 64, tile: 2},
      flops: 143_360,
      bytes: 409_600,
      source: 'ResNet-50 layer1 conv2: 35·64²; 4 B × (9 + 16)·64²',
    },
    {
      dims: {channels: 3, filters: 2, tile: 4},
      flops: 648,
      bytes: 1080,
      source: 'by hand: 6 filters × 108; 4 B × 6 × (9 + 36)',
    },
  ],
}
