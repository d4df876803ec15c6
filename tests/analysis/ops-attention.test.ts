/** The references of attention and rotary positions, against an independent attention and the laws they obey. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ops} from '../../src/analysis/ops/index.ts'
import {type AttentionDims, keptPairs, sees} from '../../src/analysis/ops/pairs.ts'

const scoresOf = ops['attention-scores']
const valuesOf = ops['attention-values']

const dims = fc
  .record({
    batch: fc.integer({min: 1, max: 2}),
    seq: fc.integer({min: 1, max: 4}),
    cached: fc.integer({min: 0, max: 4}),
    group: fc.integer({min: 1, max: 3}),
    kvHeads: fc.integer({min: 1, max: 2}),
    headDim: fc.integer({min: 1, max: 4}),
    causal: fc.boolean(),
  })
  .map(({group, ...d}): AttentionDims => ({...d, heads: group * d.kvHeads}))

/** A deterministic stream of numbers in (−1, 1). */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  }
}
const seeds = fc.integer({min: 1, max: 1e9})
const fill = (n: number, next: () => number) => Float64Array.from({length: n}, next)

function tensors(d: AttentionDims, seed: number) {
  const next = random(seed)
  const q = fill(d.batch * d.seq * d.heads * d.headDim, next)
  const [k, v] = [1, 2].map(() => fill(d.batch * d.seq * d.kvHeads * d.headDim, next)) as [Float64Array, Float64Array]
  const [kCache, vCache] = [1, 2].map(() => fill(d.batch * d.cached * d.kvHeads * d.headDim, next)) as [
    Float64Array,
    Float64Array,
  ]
  return {q, k, v, kCache, vCache}
}
type Tensors = ReturnType<typeof tensors>
const inputsOf = (d: AttentionDims, t: Tensors) =>
  d.cached > 0 ? [t.q, t.k, t.kCache, t.v, t.vCache] : [t.q, t.k, t.v]
const attend = (d: AttentionDims, t: Tensors) => ops.attention.reference!(d, inputsOf(d, t))[0]!

/** Attention written from equation 1 of Vaswani et al. 2017 with lists of rows, one head at a time. */
function byDefinition(d: AttentionDims, t: Tensors): number[] {
  const out: number[] = new Array(d.batch * d.seq * d.heads * d.headDim).fill(0)
  const vector = (x: Float64Array, tokens: number, heads: number, b: number, token: number, head: number) =>
    Array.from({length: d.headDim}, (_, c) => x[((b * tokens + token) * heads + head) * d.headDim + c]!)
  for (let b = 0; b < d.batch; b++) {
    for (let h = 0; h < d.heads; h++) {
      const kvHead = Math.trunc((h * d.kvHeads) / d.heads)
      const rows = (fresh: Float64Array, cache: Float64Array) => [
        ...Array.from({length: d.cached}, (_, j) => vector(cache, d.cached, d.kvHeads, b, j, kvHead)),
        ...Array.from({length: d.seq}, (_, j) => vector(fresh, d.seq, d.kvHeads, b, j, kvHead)),
      ]
      const keys = rows(t.k, t.kCache)
      const values = rows(t.v, t.vCache)
      for (let i = 0; i < d.seq; i++) {
        const query = vector(t.q, d.seq, d.heads, b, i, h)
        const visible = d.causal ? d.cached + i + 1 : d.cached + d.seq
        const weights = keys
          .slice(0, visible)
          .map((key) => Math.exp(key.reduce((s, x, c) => s + x * query[c]!, 0) / Math.sqrt(d.headDim)))
        const sum = weights.reduce((s, w) => s + w, 0)
        for (let c = 0; c < d.headDim; c++)
          out[((b * d.seq + i) * d.heads + h) * d.headDim + c] =
            weights.reduce((s, w, j) => s + w * values[j]![c]!, 0) / sum
      }
    }
  }
  return out
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) expect(actual[i]!, `element ${i}`).toBeCloseTo(expected[i]!, 11)
}

describe('pairs', () => {
  it('are those that the mask lets through, counted one by one', () => {
    fc.assert(
      fc.property(dims, (d) => {
        let kept = 0
        for (let i = 0; i < d.seq; i++) for (let j = 0; j < d.cached + d.seq; j++) if (sees(d, i, j)) kept++
        expect(keptPairs(d.seq, d.cached, d.causal)).toBe(kept)
      }),
    )
  })

  it('are s·c + s·(s + 1)/2 under a causal mask', () => {
    expect(keptPairs(4, 0, true)).toBe(10)
    expect(keptPairs(1, 2048, true)).toBe(2049)
    expect(keptPairs(2048, 0, true)).toBe(2_098_176)
    expect(keptPairs(3, 5, true)).toBe(21)
    expect(keptPairs(3, 5, false)).toBe(24)
  })
})

describe('attention', () => {
  it('is softmax(Q·Kᵀ/√d)·V for every mask, grouping and cache', () => {
    fc.assert(
      fc.property(dims, seeds, (d, seed) => {
        const t = tensors(d, seed)
        expectClose(attend(d, t), byDefinition(d, t))
      }),
    )
  })

  it('is its three operators one after another', () => {
    fc.assert(
      fc.property(dims, seeds, (d, seed) => {
        const t = tensors(d, seed)
        const cached = d.cached > 0
        const scores = scoresOf.reference!(d, cached ? [t.q, t.k, t.kCache] : [t.q, t.k])[0]!
        const keys = d.cached + d.seq
        const rows = d.batch * d.heads * d.seq
        const kept = d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal)
        // masked scores are −∞, and there are as many others as the softmax keeps
        expect(scores.filter(Number.isFinite).length).toBe(kept)
        const weights = ops.softmax.reference!({rows, cols: keys, kept}, [scores])[0]!
        expectClose(attend(d, t), valuesOf.reference!(d, cached ? [weights, t.v, t.vCache] : [weights, t.v])[0]!)
      }),
    )
  })

  it('costs its three operators’ useful work, and moves their bytes less the scores', () => {
    fc.assert(
      fc.property(dims, (d) => {
        const keys = d.cached + d.seq
        const rows = d.batch * d.heads * d.seq
        const softmax = ops.softmax.cost({
          rows,
          cols: keys,
          kept: d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal),
        })
        const parts = [scoresOf.cost(d), softmax, valuesOf.cost(d)]
        const whole = ops.attention.cost(d)
        const sum = (pick: (c: (typeof parts)[number]) => number) => parts.reduce((s, c) => s + pick(c), 0)
        expect(whole.flops).toBe(sum((c) => c.flops))
        expect(whole.macs).toBe(sum((c) => c.macs))
        expect(whole.special).toBe(sum((c) => c.special))
        const elements = (c: (typeof parts)[number]) =>
          [...c.reads, ...c.writes].reduce((s, use) => s + use.elements, 0)
        // scores and weights are written once and read once each
        expect(elements(whole)).toBe(sum(elements) - 4 * rows * keys)
      }),
    )
  })

  it('under a causal mask does not see later tokens', () => {
    fc.assert(
      fc.property(dims, seeds, (shape, seed) => {
        const d = {...shape, causal: true}
        const t = tensors(d, seed)
        const before = attend(d, t)
        const width = d.kvHeads * d.headDim
        // change the last new token's key and value in every sequence
        for (let b = 0; b < d.batch; b++) {
          for (let c = 0; c < width; c++) {
            t.k[((b + 1) * d.seq - 1) * width + c]! += 3
            t.v[((b + 1) * d.seq - 1) * width + c]! -= 5
          }
        }
        const after = attend(d, t)
        const row = d.heads * d.headDim
        for (let b = 0; b < d.batch; b++) {
          for (let i = 0; i < d.seq; i++) {
            const at = (b * d.seq + i) * row
            const same = after.subarray(at, at + row).every((v, c) => v === before[at + c])
            expect(same, `token ${i} of ${d.seq}`).toBe(i < d.seq - 1)
          }
        }
      }),
    )
  })

  it('with grouped heads equals multi-head attention with every KV head repeated', () => {
    fc.assert(
      fc.property(dims, seeds, (d, seed) => {
        const t = tensors(d, seed)
        const group = d.heads / d.kvHeads
        const repeat = (x: Float64Array, tokens: number) => {
          const y: number[] = []
          for (let row = 0; row < d.batch * tokens; row++)
            for (let head = 0; head < d.kvHeads; head++)
              for (let g = 0; g < group; g++)
                y.push(...x.subarray((row * d.kvHeads + head) * d.headDim, (row * d.kvHeads + head + 1) * d.headDim))
          return Float64Array.from(y)
        }
        const wide = {
          q: t.q,
          k: repeat(t.k, d.seq),
          v: repeat(t.v, d.seq),
          kCache: repeat(t.kCache, d.cached),
          vCache: repeat(t.vCache, d.cached),
        }
        expectClose(attend(d, t), attend({...d, kvHeads: d.heads}, wide))
      }),
    )
  })

  it('after a cache equals the last rows of one longer pass', () => {
    fc.assert(
      fc.property(dims, seeds, (shape, seed) => {
        const d = {...shape, causal: true}
        const whole = {...d, seq: d.cached + d.seq, cached: 0}
        const t = tensors(whole, seed)
        const full = attend(whole, t)
        // the first `cached` tokens of each sequence go to the cache
        const split = (x: Float64Array, heads: number) => {
          const width = heads * d.headDim
          const [head, tail]: [number[], number[]] = [[], []]
          for (let b = 0; b < d.batch; b++) {
            head.push(...x.subarray(b * whole.seq * width, (b * whole.seq + d.cached) * width))
            tail.push(...x.subarray((b * whole.seq + d.cached) * width, (b + 1) * whole.seq * width))
          }
          return [Float64Array.from(head), Float64Array.from(tail)] as const
        }
        const [kCache, k] = split(t.k, d.kvHeads)
        const [vCache, v] = split(t.v, d.kvHeads)
        const [, q] = split(t.q, d.heads)
        const [, expected] = split(full, d.heads)
        expectClose(attend(d, {q, k, v, kCache, vCache}), expected)
      }),
    )
  })
})

describe('rope', () => {
  const d = {batch: 2, seq: 5, heads: 3, kvHeads: 1, headDim: 6}
  const half = d.headDim / 2
  // Su et al. 2021 §3.2.2: θ_i = 10000^(−2i/d)
  const angle = (position: number, i: number) => position * 10_000 ** ((-2 * i) / d.headDim)
  const tableFrom = (start: number) =>
    Float64Array.from({length: d.seq * d.headDim}, (_, at) => {
      const i = at % d.headDim
      const a = angle(start + Math.floor(at / d.headDim), i % half)
      return i < half ? Math.cos(a) : Math.sin(a)
    })
  const rotate = (q: Float64Array, k: Float64Array, start = 0) => ops.rope.reference!(d, [q, k, tableFrom(start)])

  it('keeps the norm of every head and leaves position 0 alone', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const next = random(seed)
        const q = fill(d.batch * d.seq * d.heads * d.headDim, next)
        const k = fill(d.batch * d.seq * d.kvHeads * d.headDim, next)
        const [q2, k2] = rotate(q, k)
        for (const [x, y] of [
          [q, q2!],
          [k, k2!],
        ] as const) {
          for (let at = 0; at < x.length; at += d.headDim) {
            const norm = (z: Float64Array) => Math.hypot(...z.subarray(at, at + d.headDim))
            expect(norm(y)).toBeCloseTo(norm(x), 12)
          }
        }
        for (let b = 0; b < d.batch; b++) {
          const row = d.heads * d.headDim
          const at = b * d.seq * row
          expectClose(q2!.subarray(at, at + row), q.subarray(at, at + row))
        }
      }),
    )
  })

  it('makes products depend on the distance of positions alone', () => {
    fc.assert(
      fc.property(seeds, fc.integer({min: 1, max: 500}), (seed, shift) => {
        const next = random(seed)
        const q = fill(d.batch * d.seq * d.heads * d.headDim, next)
        const k = fill(d.batch * d.seq * d.kvHeads * d.headDim, next)
        const dots = (start: number) => {
          const [q2, k2] = rotate(q, k, start)
          const out: number[] = []
          for (let i = 0; i < d.seq; i++)
            for (let j = 0; j < d.seq; j++) {
              let dot = 0
              for (let c = 0; c < d.headDim; c++) dot += q2![i * d.heads * d.headDim + c]! * k2![j * d.headDim + c]!
              out.push(dot)
            }
          return out
        }
        const [here, there] = [dots(0), dots(shift)]
        for (let i = 0; i < here.length; i++) expect(there[i]).toBeCloseTo(here[i]!, 9)
      }),
    )
  })

  it('turns a quarter as a quarter turn does', () => {
    const [q, k] = ops.rope.reference!({batch: 1, seq: 1, heads: 1, kvHeads: 1, headDim: 2}, [
      Float64Array.of(3, 4),
      Float64Array.of(1, 0),
      Float64Array.of(0, 1),
    ])
    expect(Array.from(q!)).toEqual([-4, 3])
    expect(Array.from(k!)).toEqual([0, 1])
  })
})
