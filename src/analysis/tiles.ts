/**
 * Blocks of a product: how much arithmetic a block of a given size does per byte that is moved for it, which block a cache holds, and
 * which one a bandwidth can feed. Pure functions; sizes in elements unless they are called bytes.
 */

/** Least elements that any schedule moves between a fast memory of `fast` elements and the rest: 2·m·n·k/√S + m·n (Kwasniewski et al. 2019). */
export const productLowerBound = (m: number, n: number, k: number, fast: number): number =>
  (2 * m * n * k) / Math.sqrt(fast) + m * n

/** Sizes of a blocked product: a block of A of mc × kc stays while a panel of B of kc × nc passes. */
export interface ProductBlocks {
  readonly mc: number
  readonly nc: number
  readonly kc: number
}

/**
 * Elements that a product of m × n × k in blocks moves past the memory that holds the block of A: A once per nc columns, B once per mc
 * rows, C read and written once per kc (Goto and van de Geijn 2008, §4). Whole blocks: what is over counts as a part of one.
 */
export function blockedElements(m: number, n: number, k: number, {mc, nc, kc}: ProductBlocks): number {
  const times = (all: number, block: number) => Math.max(1, all / Math.max(1, Math.min(all, block)))
  return m * k * times(n, nc) + k * n * times(m, mc) + 2 * m * n * times(k, kc)
}

/** FLOP per byte of a blocked product at the memory that holds the block of A. */
export const blockedIntensity = (
  m: number,
  n: number,
  k: number,
  blocks: ProductBlocks,
  elementBytes: number,
): number => (2 * m * n * k) / (elementBytes * blockedElements(m, n, k, blocks))

/** Sizes of a product c[m,n] = a[m,k]·b[k,n]. */
export interface ProductShape {
  readonly m: number
  readonly n: number
  readonly k: number
}

/** FLOP per byte of a product in square blocks of c that stay: 2·m·n·k/edge elements of a and b are read and c is written once. */
export const productIntensity = ({m, n, k}: ProductShape, edge: number, elementBytes: number): number =>
  (2 * m * n * k) / (elementBytes * (m * k * Math.max(1, n / edge) + k * n * Math.max(1, m / edge) + m * n))

/** The largest square block of which a cache holds `blocks`. */
export const edgeThatFits = (cacheBytes: number, elementBytes: number, blocks = 3): number =>
  Math.floor(Math.sqrt(cacheBytes / blocks / elementBytes))

const down = (value: number, to: number): number => Math.max(to, Math.floor(value / to) * to)

/**
 * The blocks of a matrix product for a core's caches. The block of A takes half of L2; beside it pass the panel of B and the tiles of C. Of
 * all blocks of S = mc·kc elements the one that moves the least past L2: C costs 2/kc elements per multiply-add and B 1/mc, so kc = √(2S)
 * and mc = √(S/2), which is √2 times the lower bound 2/√S. The panel of B takes half of the core's share of L3, so that A is packed once
 * for as many columns as that holds. A tile's panels need not be in L1: the tile is fed from L2 where its intensity lies above L2's ridge.
 *
 * @param l2 bytes of a core's L2
 * @param l3 bytes of a core's share of L3
 * @returns mc in whole tiles of 6 and 12 rows, kc in multiples of 8, nc in multiples of 32
 */
export function blocksFor(l2: number, l3: number, elementBytes: number): ProductBlocks {
  const held = l2 / 2 / elementBytes
  const kc = down(Math.sqrt(2 * held), 8)
  return {kc, mc: down(held / kc, 12), nc: down(l3 / 2 / elementBytes / kc, 32)}
}

/**
 * The blocks of a product that packs one block of B while it multiplies by the one before and reads A where it lies. The two take half of L2.
 * Of all blocks of S = kc·nc elements the one that moves the least past L2: C costs 2/kc elements per multiply-add and A 1/nc, so kc = √(2S)
 * and nc = √(S/2). Both are powers of two: S is the one at or below what L2 gives, nc the one at or below its root, and kc is what is left of
 * S, since C's tiles then end the more seldom. Every row of A passes over a block, so there is no mc.
 *
 * @param l2 bytes of a core's L2
 */
export function blocksAheadFor(l2: number, elementBytes: number): Pick<ProductBlocks, 'nc' | 'kc'> {
  const held = Math.floor(Math.log2(l2 / 4 / elementBytes))
  const nc = 2 ** Math.floor((held - 1) / 2)
  return {nc, kc: 2 ** held / nc}
}

/** A convolution's block: `rows` output positions side by side in each of two directions, `filters` of them, all input channels. */
export interface ConvolutionBlock {
  readonly height: number
  readonly width: number
  readonly filters: number
}

/**
 * FLOP per byte of a convolution's block: its outputs stay while the inputs under it (with their halo) and the weights of its filters pass
 * once (Demmel and Dinh 2018, arXiv:1802.06905, for the order of the lower bound).
 * @param taps height and width of the filter
 * @param stride steps between outputs
 */
export function convolutionIntensity(
  {height, width, filters}: ConvolutionBlock,
  channels: number,
  taps: readonly [number, number],
  stride: number,
  elementBytes: number,
): number {
  const under = ((height - 1) * stride + taps[0]) * ((width - 1) * stride + taps[1]) * channels
  const weights = filters * channels * taps[0] * taps[1]
  const outputs = height * width * filters
  return (2 * outputs * channels * taps[0] * taps[1]) / (elementBytes * (under + weights + outputs))
}

/**
 * FLOP per byte of fused attention: `queries` rows stay with their sums while all keys and values pass, 4·q·headDim per key on 2·headDim
 * elements (Dao et al. 2022, arXiv:2205.14135, §3.2); the queries come once and the results go once.
 */
export const attentionIntensity = (queries: number, keys: number, headDim: number, elementBytes: number): number =>
  (4 * queries * keys * headDim) / (elementBytes * (2 * keys * headDim + 2 * queries * headDim))
