import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/**
 * A 3×3 convolution with stride 1 and one group, in tiles of `tile` × `tile` outputs, `tile` being 2 or 4. Filters come
 * transformed. `materialized`: transformed inputs and products pass through memory, as in implementations of three kernels.
 */
export type WinogradDims = {
  readonly batch: number
  readonly channels: number
  readonly filters: number
  readonly height: number
  readonly width: number
  readonly padHeight: number
  readonly padWidth: number
  readonly tile: number
  readonly materialized: boolean
  readonly bias: boolean
}

type Matrix = readonly (readonly number[])[]

interface Transforms {
  /**
   * FLOPs of the transform of one input tile and of one output tile: the rows and columns of a tile, times one transform
   * along an axis with shared sums. F(2, 3): 4 adds in, 4 out; F(4, 3): 19 in, 13 out, multiply and add one each.
   */
  readonly inputFlops: number
  readonly outputFlops: number
  /**
   * FLOPs of the transposed transform of one output tile. A transposed linear map of n inputs and m outputs has as many
   * multiplications and m − n fewer additions (Tellegen's principle): 4 − 2 and 13 − 2 along an axis.
   */
  readonly gradientFlops: number
  readonly input: Matrix
  readonly filter: Matrix
  readonly output: Matrix
}

const transforms: Readonly<Record<2 | 4, Transforms>> = {
  2: {
    inputFlops: 8 * 4,
    outputFlops: 6 * 4,
    gradientFlops: 6 * 2,
    input: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    filter: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    inputFlops: 12 * 19,
    outputFlops: 10 * 13,
    gradientFlops: 10 * 11,
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    filter: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
}

const transformsOf = (tile: number): Transforms => transforms[tile <= 2 ? 2 : 4]

/** M · X · Mᵀ for a square X, row-major. */
function both(m: Matrix, x: readonly number[]): number[] {
  const n = m[0]!.length
  const half = m.map((row) => Array.from({length: n}, (_, j) => row.reduce((s, v, k) => s + v * x[k * n + j]!, 0)))
  return half.flatMap((row) => m.map((other) => other.reduce((s, v, k) => s + v * row[k]!, 0)))
}

/** Transformed filters [tileElements, filters, channels] of filters [filters, channels, 3, 3]. */
export function winogradFilters(tile: number, filters: number, channels: number, w: Float64Array): Float64Array {
  const u = new Float64Array((tile + 2) ** 2 * filters * channels)
  for (let fc = 0; fc < filters * channels; fc++) {
    const transformed = both(transformsOf(tile).filter, Array.from(w.subarray(9 * fc, 9 * fc + 9)))
    for (const [e, value] of transformed.entries()) u[e * filters * channels + fc] = value
  }
  return u
}

function counts(d: WinogradDims) {
  const [outHeight, outWidth] = [d.height + d.padHeight - 2, d.width + d.padWidth - 2]
  const [down, across] = [Math.max(0, Math.ceil(outHeight / d.tile)), Math.max(0, Math.ceil(outWidth / d.tile))]
  return {outHeight, outWidth, down, across, tiles: d.batch * down * across, points: (d.tile + 2) ** 2}
}

/** One input tile of (tile + 2)² elements, zeros outside the image. */
function inputTile(d: WinogradDims, plane: Float64Array, top: number, left: number): number[] {
  const n = d.tile + 2
  return Array.from({length: n * n}, (_, e) => {
    const [y, x] = [top + Math.floor(e / n), left + (e % n)]
    return y >= 0 && y < d.height && x >= 0 && x < d.width ? plane[y * d.width + x]! : 0
  })
}

/** Transformed inputs [points, channels, tiles]. */
function transformInputs(d: WinogradDims, x: Float64Array): Float64Array {
  const {down, across, tiles, points} = counts(d)
  const v = new Float64Array(points * d.channels * tiles)
  for (let b = 0; b < d.batch; b++) {
    for (let c = 0; c < d.channels; c++) {
      const plane = x.subarray((b * d.channels + c) * d.height * d.width, (b * d.channels + c + 1) * d.height * d.width)
      for (let t = 0; t < down * across; t++) {
        const top = Math.floor(t / across) * d.tile - Math.floor(d.padHeight / 2)
        const left = (t % across) * d.tile - Math.floor(d.padWidth / 2)
        const transformed = both(transformsOf(d.tile).input, inputTile(d, plane, top, left))
        for (const [e, value] of transformed.entries()) v[(e * d.channels + c) * tiles + b * down * across + t] = value
      }
    }
  }
  return v
}

/** Products [points, filters, tiles]: a matrix product per point. */
function multiply(d: WinogradDims, u: Float64Array, v: Float64Array): Float64Array {
  const {tiles, points} = counts(d)
  const m = new Float64Array(points * d.filters * tiles)
  for (let e = 0; e < points; e++) {
    for (let f = 0; f < d.filters; f++) {
      for (let c = 0; c < d.channels; c++) {
        const value = u[(e * d.filters + f) * d.channels + c]!
        for (let t = 0; t < tiles; t++)
          m[(e * d.filters + f) * tiles + t]! += value * v[(e * d.channels + c) * tiles + t]!
      }
    }
  }
  return m
}

function transformOutputs(d: WinogradDims, m: Float64Array, bias: Float64Array | undefined): Float64Array {
  const {outHeight, outWidth, down, across, tiles, points} = counts(d)
  const y = new Float64Array(d.batch * d.filters * outHeight * outWidth)
  for (let f = 0; f < d.filters; f++) {
    for (let t = 0; t < tiles; t++) {
      const tile = both(
        transformsOf(d.tile).output,
        Array.from({length: points}, (_, e) => m[(e * d.filters + f) * tiles + t]!),
      )
      const [b, inside] = [Math.floor(t / (down * across)), t % (down * across)]
      for (const [e, value] of tile.entries()) {
        const row = Math.floor(inside / across) * d.tile + Math.floor(e / d.tile)
        const col = (inside % across) * d.tile + (e % d.tile)
        if (row < outHeight && col < outWidth)
          y[((b * d.filters + f) * outHeight + row) * outWidth + col] = value + (bias ? bias[f]! : 0)
      }
    }
  }
  return y
}

export const convWinograd: OpDef<'conv-winograd', WinogradDims> = {
  kind: 'conv-winograd',
  title: 'a 3×3 convolution by minimal filtering, F(2×2, 3×3) or F(4×4, 3×3)',
  trait: 'window',
  formula:
    '2·tiles·points·channels·filters + tiles·channels·inputFlops + tiles·filters·outputFlops + bias·batch·filters·outputs',
  where:
    'tiles = batch·⌈outHeight/tile⌉·⌈outWidth/tile⌉, outputs = outHeight·outWidth, out = size + pad − 2; points = (tile + 2)²; ' +
    'inputFlops, outputFlops, gradientFlops = 32, 24, 12 for tile 2, 228, 130, 110 for tile 4; filters come transformed',
  derived(d) {
    const {tiles, points, outHeight, outWidth} = counts(d)
    const {inputFlops, outputFlops, gradientFlops} = transformsOf(d.tile)
    return {tiles, points, inputFlops, outputFlops, gradientFlops, outputs: outHeight * outWidth}
  },
  source: 'Lavin & Gray 2015 (arXiv:1509.09308) §4.1, §4.3 and algorithm 1',
  cost(d) {
    const {tiles, points, outHeight, outWidth} = counts(d)
    const {inputFlops, outputFlops} = transformsOf(d.tile)
    const macs = tiles * points * d.channels * d.filters
    const y = d.batch * d.filters * outHeight * outWidth
    const vector = tiles * (d.channels * inputFlops + d.filters * outputFlops) + (d.bias ? y : 0)
    const reads = [
      input('x', d.batch * d.channels * d.height * d.width),
      weight('transformed filters', points * d.channels * d.filters),
    ]
    if (d.bias) reads.push(weight('bias', d.filters))
    const writes = [output('y', y)]
    if (d.materialized) {
      const [v, m] = [points * d.channels * tiles, points * d.filters * tiles]
      reads.push(input('transformed inputs', v), input('products', m))
      writes.push(output('transformed inputs', v), output('products', m))
    }
    return {macs, flops: 2 * macs + vector, matrix: 2 * macs, vector, special: 0, reads, writes}
  },
  reference(d, [x, u, bias]) {
    const v = transformInputs(d, x!)
    const m = multiply(d, u!, v)
    const y = transformOutputs(d, m, d.bias ? bias : undefined)
    return d.materialized ? [y, v, m] : [y]
  },
  // through the algorithm: dM = A·dY·Aᵀ; dV = Uᵀ·dM, transformed back and added up where tiles overlap; dU = dM·Vᵀ
  backward(d) {
    const {tiles, points, outHeight, outWidth} = counts(d)
    const {inputFlops, gradientFlops} = transformsOf(d.tile)
    const macs = tiles * points * d.channels * d.filters
    const y = d.batch * d.filters * outHeight * outWidth
    const x = d.batch * d.channels * d.height * d.width
    const filters = points * d.channels * d.filters
    const workspace = d.materialized ? points * tiles * (d.channels + d.filters) : 0
    const moved = tiles * d.filters * gradientFlops
    const biased = d.bias ? y : 0
    const weights = productPart(
      '2·tiles·points·channels·filters + bias·batch·filters·outputs',
      macs,
      {
        reads: [ofInput(0, x), gradientOf(0, y)],
        writes: [{at: 1, elements: filters}, ...(d.bias ? [{at: 2, elements: d.filters}] : [])],
      },
      biased,
    )
    return {
      data: {
        ...productPart(
          '2·tiles·points·channels·filters + tiles·filters·gradientFlops + tiles·channels·(inputFlops + points)',
          macs,
          {reads: [gradientOf(0, y), ofInput(1, filters)], writes: [{at: 0, elements: x}]},
          moved + tiles * d.channels * (inputFlops + points),
        ),
        workspace,
      },
      // both transforms run a second time
      weights: {...weights, vector: biased + moved + tiles * d.channels * inputFlops, workspace},
    }
  },
  examples: [
    {
      dims: {
        batch: 1,
        channels: 64,
        filters: 64,
        height: 56,
        width: 56,
        padHeight: 2,
        padWidth: 2,
        tile: 2,
        materialized: false,
        bias: false,
      },
      flops: 105_570_304,
      bytes: 1_867_776,
      source: 'ResNet-50 layer1 conv2 in F(2×2, 3×3): 2·784·16·64² + 784·64·(32 + 24), 2.19 times fewer than direct',
    },
    {
      dims: {
        batch: 1,
        channels: 64,
        filters: 64,
        height: 56,
        width: 56,
        padHeight: 2,
        padWidth: 2,
        tile: 4,
        materialized: true,
        bias: false,
      },
      flops: 62_293_504,
      bytes: 9_420_800,
      source: 'F(4×4, 3×3): 2·196·36·64² + 196·64·(228 + 130); 4 B × (2·200,704 + 36·64² + 4·36·64·196), three kernels',
    },
  ],
}
