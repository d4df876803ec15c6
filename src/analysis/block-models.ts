/**
 * Intensity as a function of block size for the operators that are computed in blocks: matrix product, convolution, attention. Each model
 * has the formula, the block that a cache holds, the block at which a ridge is crossed, and the lower bound that no schedule passes.
 */
import {
  attentionIntensity,
  convolutionIntensity,
  edgeThatFits,
  type ProductShape,
  productIntensity,
  productLowerBound,
} from './tiles.ts'

/** One operator's blocks, which grow by one number, the edge. Intensities in FLOP/B, caches in bytes. */
export interface BlockModel {
  readonly kind: 'product' | 'convolution' | 'attention'
  readonly title: string
  /** what the edge counts */
  readonly edge: string
  readonly formula: string
  readonly source: string
  /** the edge whose block is the whole operator */
  readonly largest: number
  intensity(edge: number): number
  /** the largest edge whose block a cache holds; 0 where it holds none */
  fits(cacheBytes: number): number
  /** the smallest edge whose intensity reaches a ridge; `null` where no edge does */
  atRidge(ridge: number): number | null
  /** intensity at the lower bound of moved elements: no schedule has more with a fast memory of this size */
  atMost(cacheBytes: number): number
}

/** The largest whole edge from 0 to `largest` for which a condition holds that holds up to some edge and not beyond. */
function last(largest: number, holds: (edge: number) => boolean): number {
  let low = 0
  let high = largest
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (holds(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/** Intensities grow with the edge. */
function crossing(largest: number, intensity: (edge: number) => number, ridge: number): number | null {
  const edge = last(largest, (e) => intensity(e) < ridge) + 1
  return edge > largest ? null : edge
}

/** c[m,n] = a[m,k]·b[k,n]: a block of c of edge × edge stays while columns of a and rows of b pass. */
export function productModel(shape: ProductShape, elementBytes: number): BlockModel {
  const {m, n, k} = shape
  const largest = Math.max(1, m, n)
  const intensity = (edge: number) => productIntensity(shape, edge, elementBytes)
  return {
    kind: 'product',
    title: `matrix product ${m} × ${n} × ${k}`,
    edge: 'rows and columns of a block',
    formula: '2·m·n·k FLOP ÷ (bytes · (2·m·n·k/edge + m·n)); three blocks in the cache',
    source:
      'Goto and van de Geijn 2008; lower bound 2·m·n·k/√S + m·n elements, Kwasniewski et al. 2019, arXiv:1908.09606',
    largest,
    intensity,
    fits: (cacheBytes) => Math.min(largest, edgeThatFits(cacheBytes, elementBytes)),
    atRidge: (ridge) => crossing(largest, intensity, ridge),
    atMost: (cacheBytes) => (2 * m * n * k) / (elementBytes * productLowerBound(m, n, k, cacheBytes / elementBytes)),
  }
}

/** A convolution of one image: `height` × `width` outputs of each filter. */
export interface ConvolutionShape {
  readonly channels: number
  readonly filters: number
  readonly height: number
  readonly width: number
  readonly taps: readonly [number, number]
  readonly stride: number
}

/**
 * A block of edge × edge output positions by as many filters as balance inputs and weights: an input is used by R = taps/stride² outputs of
 * a filter, so edge²/R filters move as many weights as the positions move inputs (Chen, Han and Wang 2020). The sums stay; inputs with
 * their halo and weights pass channel by channel.
 */
export function convolutionModel(shape: ConvolutionShape, elementBytes: number): BlockModel {
  const {channels, filters, height, width, taps, stride} = shape
  const reuse = Math.max(1, (taps[0] * taps[1]) / stride ** 2)
  const largest = Math.max(1, height, width)
  const blockOf = (edge: number) => ({
    height: Math.min(edge, height),
    width: Math.min(edge, width),
    filters: Math.min(filters, Math.max(1, Math.ceil(edge ** 2 / reuse))),
  })
  const intensity = (edge: number) => convolutionIntensity(blockOf(edge), channels, taps, stride, elementBytes)
  const held = (edge: number) => {
    const block = blockOf(edge)
    const under = ((block.height - 1) * stride + taps[0]) * ((block.width - 1) * stride + taps[1])
    return elementBytes * (block.height * block.width * block.filters + under + block.filters * taps[0] * taps[1])
  }
  const macs = height * width * filters * channels * taps[0] * taps[1]
  return {
    kind: 'convolution',
    title: `convolution ${taps.join(' × ')}, ${channels} to ${filters} channels, ${height} × ${width}`,
    edge: 'output positions of a block in each direction, by edge² ÷ R filters',
    formula:
      '2·h·w·f·c·taps FLOP ÷ (bytes · (inputs under the block·c + f·c·taps + h·w·f)); its sums, one channel of inputs and weights in the cache',
    source:
      'Chen, Han and Wang 2020, arXiv:1911.05662: 2·MACs/√(R·S) + outputs, R = taps/stride² outputs per input; the order of the bound: Demmel and Dinh 2018, arXiv:1802.06905',
    largest,
    intensity,
    fits: (cacheBytes) => last(largest, (edge) => edge === 0 || held(edge) <= cacheBytes),
    atRidge: (ridge) => crossing(largest, intensity, ridge),
    atMost: (cacheBytes) =>
      (2 * macs) /
      (elementBytes * ((2 * macs) / Math.sqrt((reuse * cacheBytes) / elementBytes) + height * width * filters)),
  }
}

/** Self-attention of one head over `seq` keys. */
export interface AttentionShape {
  readonly seq: number
  readonly headDim: number
}

/** A block of `edge` queries stays with its sums while keys and values pass in blocks as long. */
export function attentionModel({seq, headDim}: AttentionShape, elementBytes: number): BlockModel {
  const intensity = (edge: number) => attentionIntensity(edge, seq, headDim, elementBytes)
  // queries, sums, keys and values of edge × headDim, and their scores
  const held = (edge: number) => elementBytes * (4 * edge * headDim + edge ** 2)
  return {
    kind: 'attention',
    title: `attention, ${seq} tokens of ${headDim}`,
    edge: 'queries of a block',
    formula: '4·edge·seq·d FLOP ÷ (bytes · (2·seq·d + 2·edge·d)); queries, sums, keys, values and scores in the cache',
    source:
      'Dao et al. 2022, arXiv:2205.14135; lower bound of the order seq²·d²/S for S ≥ d², Saha and Ye 2024, arXiv:2402.07443 (its constant taken as 1)',
    largest: Math.max(1, seq),
    intensity,
    fits: (cacheBytes) => last(seq, (edge) => held(edge) <= cacheBytes),
    atRidge: (ridge) => crossing(seq, intensity, ridge),
    atMost: (cacheBytes) =>
      (4 * seq ** 2 * headDim) /
      (elementBytes * Math.max((seq * headDim) ** 2 / (cacheBytes / elementBytes), 4 * seq * headDim)),
  }
}
