import {gradientOf, ofInput, productPart, vectorPart} from '../training/rules.ts'
import {input, kv, type OpDef, output, weight} from './types.ts'

export type SsdScanDims = {
  readonly batch: number
  readonly seq: number
  readonly heads: number
  /** channels of a head */
  readonly headDim: number
  /** channels of the state of each head channel */
  readonly state: number
  /** groups of heads that share B and C */
  readonly groups: number
}

/** Tokens that one block computes as a small attention; Mamba-2's default. */
const CHUNK = 256

/** Pairs inside the chunks of a sequence, and chunks. */
function chunksOf(seq: number): {pairs: number; chunks: number} {
  const rest = seq % CHUNK
  const full = (seq - rest) / CHUNK
  return {
    pairs: full * ((CHUNK * (CHUNK + 1)) / 2) + (rest * (rest + 1)) / 2,
    chunks: full + (rest > 0 ? 1 : 0),
  }
}

export const ssdScan: OpDef<'ssd-scan', SsdScanDims> = {
  kind: 'ssd-scan',
  title: 'the selective state space of Mamba-2: h = e^(Δ·A)·h + Δ·B·x, y = C·h + D·x, in chunks of 256 tokens',
  trait: 'rowwise',
  formula:
    '2·batch·pairs·(groups·state + heads·headDim) + 3·batch·heads·pairs + 4·batch·seq·heads·headDim·state + 2·batch·heads·chunks·headDim·state + batch·seq·heads·(6·headDim + 10)',
  where:
    'pairs = kept pairs inside the chunks, chunks = ⌈seq/256⌉. Products: C·Bᵀ and its product with x inside a chunk, into the state and out of it. Besides: decay of each pair 3 (subtract, exp, multiply), the state carried over chunk by chunk 2, per head channel Δ·x, two decays, D·x, two adds = 6, per head softplus 4, Δ·A, a running sum, two exponents of 2 = 10. The recurrence of states over the chunks is linear, hence associative (Blelloch 1990): it runs in ⌈log₂ chunks⌉ rounds, no sequence of steps that bounds the time; a decode step is one chunk of one token',
  derived: (d) => chunksOf(d.seq),
  source: 'Dao & Gu 2024 (arXiv:2405.21060) §6 and listing 1',
  cost({batch, seq, heads, headDim, state, groups}) {
    const {pairs, chunks} = chunksOf(seq)
    const rows = batch * seq * heads
    const macs = batch * pairs * (groups * state + heads * headDim) + 2 * rows * headDim * state
    const vector = 3 * batch * heads * pairs + 2 * batch * heads * chunks * headDim * state + rows * (6 * headDim + 10)
    const held = batch * heads * headDim * state
    return {
      macs,
      flops: 2 * macs + vector,
      matrix: 2 * macs,
      vector,
      special: batch * heads * pairs + 4 * rows,
      reads: [
        input('x', rows * headDim),
        input('B', batch * seq * groups * state),
        input('C', batch * seq * groups * state),
        input('dt', rows),
        weight('A', heads),
        weight('D', heads),
        weight('dt bias', heads),
        kv('state', held),
      ],
      writes: [output('y', rows * headDim), kv('state', held)],
    }
  },
  // the recurrence itself, token by token: what every chunked form must give
  reference({batch, seq, heads, headDim, state, groups}, [x, B, C, dt, A, D, bias, held]) {
    const h = Float64Array.from(held!)
    const y = new Float64Array(batch * seq * heads * headDim)
    for (let b = 0; b < batch; b++) {
      for (let t = 0; t < seq; t++) {
        for (let head = 0; head < heads; head++) {
          const row = (b * seq + t) * heads + head
          const step = Math.log1p(Math.exp(dt![row]! + bias![head]!))
          const decay = Math.exp(-step * Math.exp(A![head]!))
          const shared = ((b * seq + t) * groups + Math.floor((head * groups) / heads)) * state
          for (let p = 0; p < headDim; p++) {
            const base = ((b * heads + head) * headDim + p) * state
            const value = x![row * headDim + p]!
            let sum = D![head]! * value
            for (let n = 0; n < state; n++) {
              h[base + n] = decay * h[base + n]! + step * B![shared + n]! * value
              sum += C![shared + n]! * h[base + n]!
            }
            y[row * headDim + p] = sum
          }
        }
      }
    }
    return [y, h]
  },
  /**
   * Both factors of each product; per pair and head six (dG and its sum, dL, through exp, into two running sums); per
   * head channel eleven (x and Δ of Δ·x 3, both sides of two decays 6, D·dy 2), per head eleven (exponents 4, running sum,
   * Δ·A 2, softplus 4), four per carried state. Weights: D 2 per channel, A 2 and the bias of Δ 1 per head. C·Bᵀ, decays
   * and states are computed again: executed, not useful.
   */
  backward({batch, seq, heads, headDim, state, groups}) {
    const {pairs, chunks} = chunksOf(seq)
    const rows = batch * seq * heads
    const group = batch * seq * groups * state
    const macs = 2 * batch * pairs * (groups * state + heads * headDim) + 4 * rows * headDim * state
    const carried = batch * heads * chunks * headDim * state
    const vector = 6 * batch * heads * pairs + 4 * carried + rows * (11 * headDim + 11)
    const formula =
      '4·batch·pairs·(groups·state + heads·headDim) + 8·batch·seq·heads·headDim·state + 6·batch·heads·pairs + 4·batch·heads·chunks·headDim·state + batch·seq·heads·(11·headDim + 11)'
    const reads = [
      ...[gradientOf(0, rows * headDim), ofInput(0, rows * headDim), ofInput(1, group), ofInput(2, group)],
      ...[ofInput(3, rows), ofInput(4, heads), ofInput(5, heads), ofInput(6, heads)],
    ]
    const writes = [
      {at: 0, elements: rows * headDim},
      {at: 1, elements: group},
      {at: 2, elements: group},
      {at: 3, elements: rows},
    ]
    const data = productPart(formula, macs, {reads, writes}, vector)
    const weights = vectorPart('batch·seq·heads·(2·headDim + 3)', rows * (2 * headDim + 3), {
      reads: [gradientOf(0, rows * headDim), ofInput(0, rows * headDim), ofInput(3, rows)],
      writes: [
        {at: 4, elements: heads},
        {at: 5, elements: heads},
        {at: 6, elements: heads},
      ],
    })
    const again = 2 * (batch * pairs * groups * state + rows * headDim * state)
    return {
      data: {
        ...data,
        matrix: data.matrix + again,
        vector: data.vector + 3 * batch * heads * pairs + 2 * carried,
        special: rows,
      },
      weights,
    }
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, heads: 80, headDim: 64, state: 128, groups: 1},
      flops: 3_974_416,
      bytes: 5_286_144,
      source:
        'Mamba-2 2.7B, one token: 2·(128 + 5,120) + 240 + 6·655,360 + 80·394; 4 B × (2·5,120 + 2·128 + 4·80 + 2·655,360)',
    },
  ],
}
