/** The two products of attention that keeps its scores. */
import {matmul, type TileShape} from './matmul.ts'
import {f32, type Shader} from './shader.ts'

export interface AttentionProductParams {
  batch: number
  seq: number
  heads: number
  kvHeads: number
  headDim: number
  causal: boolean
}

/** Batch and head of product `z`, and where its rows of queries and keys begin. */
const heads = ({seq, heads: h, kvHeads, headDim}: AttentionProductParams) => ({
  q: `(z / ${h}u * ${seq * h}u + z % ${h}u) * ${headDim}u`,
  k: `(z / ${h}u * ${seq * kvHeads}u + z % ${h}u / ${h / kvHeads}u) * ${headDim}u`,
})

/** S = Q·Kᵀ ÷ √d for every head, −∞ beyond the diagonal. */
export function attentionScores(p: AttentionProductParams, tile?: TileShape): Shader {
  const {batch, seq, heads: h, kvHeads, headDim, causal} = p
  const scaled = `sum * ${f32(1 / Math.sqrt(headDim))}`
  return matmul({
    batch: batch * h,
    m: seq,
    n: seq,
    k: headDim,
    bTransposed: true,
    strides: {a: h * headDim, b: kvHeads * headDim},
    base: {a: heads(p).q, b: heads(p).k},
    functions: 'var<private> infinity: u32 = 0xff800000u;',
    epilogue: causal ? `select(${scaled}, bitcast<f32>(infinity), col > row)` : scaled,
    tile,
  })
}

/** O = P·V for every head. */
export function attentionValues(p: AttentionProductParams, tile?: TileShape): Shader {
  const {batch, seq, heads: h, kvHeads, headDim} = p
  return matmul({
    batch: batch * h,
    m: seq,
    n: headDim,
    k: seq,
    strides: {b: kvHeads * headDim, c: h * headDim},
    base: {b: heads(p).k, c: heads(p).q},
    tile,
  })
}
