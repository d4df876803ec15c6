import {rootOf} from './optimizer.ts'
import {input, type OpDef, weight} from './types.ts'

/** A matrix of rows × cols, or `rows · cols` values whose second moments are kept whole (vectors). */
export type AdafactorDims = {
  readonly rows: number
  readonly cols: number
  /** second moments as one factor per row and one per column */
  readonly factored: boolean
  /** writes the weights a second time, in the narrow type that the next forward pass reads */
  readonly copy: boolean
}

const DECAY = 0.999
const EPSILON1 = 1e-30
const EPSILON2 = 1e-3
const RATE = 0.01
const CLIP = 1

const rms = (x: Float64Array): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length)

export const adafactor: OpDef<'adafactor', AdafactorDims> = {
  kind: 'adafactor',
  title: 'Adafactor: second moments as row and column factors, updates clipped by their RMS, no first moment',
  trait: 'rowwise',
  formula: '13·rows·cols + factored·(5·rows + 3·cols) + 9',
  where:
    'per weight, factored: square, + ε, row sum, column sum, row times column, √, divide; whole: square, + ε, decay (3), √, divide; then square and sum for the RMS of the update and of the weight, scale, subtract; per row: decay (3), sum, divide; per column: decay (3); once: two means, two √, ε₂ and clip by max, two products, one divide',
  source: 'Shazeer & Stern 2018 (arXiv:1804.04235) algorithms 4 and 5, without first moment',
  cost({rows, cols, factored, copy}) {
    const elements = rows * cols
    const states = factored
      ? [weight('row moments', rows), weight('column moments', cols)]
      : [weight('moments', elements)]
    const writes = [weight('w', elements), ...states]
    if (copy) writes.push(weight('copy', elements))
    const flops = 13 * elements + (factored ? 5 * rows + 3 * cols : 0) + 9
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [weight('w', elements), input('g', elements), ...states],
      writes,
    }
  },
  reference({rows, cols, factored, copy}, [w, g, first, second]) {
    const square = (i: number) => g![i]! ** 2 + EPSILON1
    const moments = new Float64Array(rows * cols)
    let states: Float64Array[]
    if (factored) {
      const r = first!.map((old, i) => {
        let sum = 0
        for (let j = 0; j < cols; j++) sum += square(i * cols + j)
        return DECAY * old + (1 - DECAY) * sum
      })
      const c = second!.map((old, j) => {
        let sum = 0
        for (let i = 0; i < rows; i++) sum += square(i * cols + j)
        return DECAY * old + (1 - DECAY) * sum
      })
      const whole = r.reduce((sum, v) => sum + v, 0)
      for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) moments[i * cols + j] = (r[i]! / whole) * c[j]!
      states = [r, c]
    } else {
      for (let i = 0; i < moments.length; i++) moments[i] = DECAY * first![i]! + (1 - DECAY) * square(i)
      states = [moments]
    }
    const update = g!.map((v, i) => v / Math.max(rootOf(moments[i]!), EPSILON1))
    const scale = (Math.max(EPSILON2, rms(w!)) * RATE) / Math.max(1, rms(update) / CLIP)
    const next = w!.map((v, i) => v - scale * update[i]!)
    return copy ? [next, ...states, Float64Array.from(next)] : [next, ...states]
  },
  examples: [
    {
      dims: {rows: 4096, cols: 1024, factored: true, copy: false},
      flops: 54_549_513,
      bytes: 50_372_608,
      source: '13·4096·1024 + 5·4096 + 3·1024 + 9; 4 B × (3·4096·1024 + 2·(4096 + 1024))',
    },
    {
      dims: {rows: 1000, cols: 1, factored: false, copy: false},
      flops: 13_009,
      bytes: 20_000,
      source: 'by hand: a vector keeps whole moments; 4 B × 5 × 1,000',
    },
  ],
}
