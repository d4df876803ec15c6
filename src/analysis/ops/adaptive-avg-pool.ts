import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** An image divided into `outHeight` × `outWidth` windows, whatever its size; 1 × 1 is the global mean. */
export type AdaptivePoolDims = {
  readonly batch: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly outHeight: number
  readonly outWidth: number
}

/** Windows along an axis: from ⌊i·size/out⌋ to ⌈(i + 1)·size/out⌉; neighbours share an element where sizes do not divide. */
const windows = (size: number, out: number) =>
  Array.from({length: out}, (_, i) => [Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)] as const)

const covered = (size: number, out: number) => windows(size, out).reduce((sum, [from, to]) => sum + to - from, 0)

export const adaptiveAvgPool: OpDef<'adaptive-avg-pool', AdaptivePoolDims> = {
  kind: 'adaptive-avg-pool',
  title: 'means of as many windows as outputs are wanted; one is the global mean',
  trait: 'window',
  formula: 'batch·channels·rows·cols',
  where:
    'rows, cols = elements that the windows cover along height and width, window i from ⌊i·size/out⌋ to ⌈(i + 1)·size/out⌉: ' +
    'per output its elements − 1 additions and a division',
  derived: (d) => ({rows: covered(d.height, d.outHeight), cols: covered(d.width, d.outWidth)}),
  source: 'PyTorch AdaptiveAvgPool2d; global: Lin, Chen & Yan 2013 (arXiv:1312.4400) §3.2',
  cost(d) {
    const planes = d.batch * d.channels
    const flops = planes * covered(d.height, d.outHeight) * covered(d.width, d.outWidth)
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', planes * d.height * d.width)],
      writes: [output('y', planes * d.outHeight * d.outWidth)],
    }
  },
  reference(d, [x]) {
    const y: number[] = []
    const [rows, cols] = [windows(d.height, d.outHeight), windows(d.width, d.outWidth)]
    for (let plane = 0; plane < d.batch * d.channels; plane++) {
      for (const [top, bottom] of rows) {
        for (const [left, right] of cols) {
          let sum = 0
          for (let r = top; r < bottom; r++)
            for (let c = left; c < right; c++) sum += x![(plane * d.height + r) * d.width + c]!
          y.push(sum / ((bottom - top) * (right - left)))
        }
      }
    }
    return [Float64Array.from(y)]
  },
  // one division per window, one addition per element that it covers
  backward(d) {
    const planes = d.batch * d.channels
    const windowElements = covered(d.height, d.outHeight) * covered(d.width, d.outWidth)
    const outputs = d.outHeight * d.outWidth
    return {
      data: vectorPart('batch·channels·(rows·cols + outHeight·outWidth)', planes * (windowElements + outputs), {
        reads: [gradientOf(0, planes * outputs)],
        writes: [{at: 0, elements: planes * d.height * d.width}],
      }),
      weights: null,
    }
  },
  examples: [
    {
      dims: {batch: 1, channels: 2048, height: 7, width: 7, outHeight: 1, outWidth: 1},
      flops: 100_352,
      bytes: 409_600,
      source: "ResNet-50's global mean: 2048·49; 4 B × 2048·(49 + 1)",
    },
    {
      dims: {batch: 1, channels: 1, height: 4, width: 1, outHeight: 3, outWidth: 1},
      flops: 6,
      bytes: 28,
      source: 'by hand: windows of rows 0–1, 1–2, 2–3: 3 × (1 addition + 1 division); 4 B × (4 + 3)',
    },
  ],
}
