/** Query–key pairs of attention, shared by the operators around the softmax. */
export type AttentionDims = {
  readonly batch: number
  /** new tokens processed at once */
  readonly seq: number
  /** tokens already in the KV cache */
  readonly cached: number
  readonly heads: number
  /** key and value heads: = heads (multi-head), 1 (multi-query), between (grouped-query) */
  readonly kvHeads: number
  readonly headDim: number
  readonly causal: boolean
  /** under a causal mask: the last tokens that a query sees, itself included; 0 or absent: all of them */
  readonly window?: number
  /** under a causal mask: queries see their own chunk alone; the first cached token begins one; 0 or absent: no chunks */
  readonly chunk?: number
}

const triangle = (n: number): number => (n * (n + 1)) / 2

/**
 * Pairs a causal mask keeps per head: each new token sees the cached ones, itself and the new ones before it, of these the
 * last `window` where there is a window, those of its own `chunk` where there are chunks (0: none).
 */
export function keptPairs(seq: number, cached: number, causal: boolean, window = 0, chunk = 0): number {
  if (!causal) return seq * (cached + seq)
  if (chunk > 0) {
    const upTo = (n: number) => Math.floor(n / chunk) * triangle(chunk) + triangle(n % chunk)
    return upTo(cached + seq) - upTo(cached)
  }
  if (window === 0 || cached + seq <= window) return seq * cached + triangle(seq)
  // the first queries still see everything before them, the others a full window
  const growing = Math.max(0, window - cached)
  return growing * cached + triangle(growing) + (seq - growing) * window
}

/** Prose for the formulas that use `pairs`. */
export const pairsRule = 'pairs = seq·cached + seq·(seq+1)/2 under a causal mask, seq·(cached+seq) without'

/** FLOPs of the two gradients of a product over pairs: one over all pairs, one over the pairs of new keys. */
export const gradientFormula = '2·batch·heads·(pairs + newPairs)·headDim'

export const pairsOf = (d: AttentionDims) => ({
  pairs: keptPairs(d.seq, d.cached, d.causal),
})

/** `newPairs` of `gradientFormula`: pairs whose key is new. */
export const newPairsOf = (d: AttentionDims) => ({newPairs: keptPairs(d.seq, 0, d.causal)})

/** Whether query `i` (0-based among the new tokens) sees key `j` (0-based among cached, then new). */
export const sees = (d: AttentionDims, i: number, j: number): boolean =>
  !d.causal ||
  (j <= d.cached + i &&
    (!d.window || d.cached + i - j < d.window) &&
    (!d.chunk || Math.floor((d.cached + i) / d.chunk) === Math.floor(j / d.chunk)))

/**
 * Key or value element `(batch, token, head, channel)` where cached tokens come from one tensor and new ones from another,
 * both laid out [batch, tokens, kvHeads, headDim].
 */
export function keyAt(
  d: AttentionDims,
  fresh: Float64Array,
  cache: Float64Array | undefined,
  b: number,
  j: number,
  head: number,
  c: number,
): number {
  const kvHead = Math.floor(head / (d.heads / d.kvHeads))
  return j < d.cached
    ? cache![((b * d.cached + j) * d.kvHeads + kvHead) * d.headDim + c]!
    : fresh[((b * d.seq + (j - d.cached)) * d.kvHeads + kvHead) * d.headDim + c]!
}
