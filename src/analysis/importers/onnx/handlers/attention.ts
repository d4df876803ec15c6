/** Attention and what stands around it: ai.onnx and com.microsoft. */
import {keptPairs} from '../../../ops/pairs.ts'
import type {Handler, Handlers} from '../call.ts'
import {Mistake, product, Unshaped} from '../values.ts'

/** Attention of opset 23: queries, keys and values as [batch, heads, tokens, size], or [batch, tokens, heads·size]. */
const attention: Handler = (call) => {
  const [q, k, v] = [call.shape(0), call.shape(1), call.shape(2)]
  const split = (shape: readonly number[], heads: number) => {
    if (shape.length === 4) return {batch: shape[0]!, heads: shape[1]!, tokens: shape[2]!, size: shape[3]!}
    if (shape.length !== 3 || heads < 1 || shape[2]! % heads !== 0) throw new Mistake(`[${shape}] in ${heads} heads`)
    return {batch: shape[0]!, heads, tokens: shape[1]!, size: shape[2]! / heads}
  }
  const [heads, kvHeads] = [call.int('q_num_heads', 0), call.int('kv_num_heads', 0)]
  const [query, key, value] = [split(q, heads), split(k, kvHeads), split(v, kvHeads)]
  const past = call.has(4) ? (call.shape(4).at(-2) ?? 0) : 0
  const causal = call.int('is_causal', 0) === 1
  const {batch, tokens: seq, size: headDim} = query
  const wide = q.length === 4 ? [batch, query.heads, seq, value.size] : [batch, seq, query.heads * value.size]
  const output = call.make(wide, call.value(0).type)
  const present = (part: {heads: number; size: number}) => [batch, part.heads, key.tokens + past, part.size]
  const outputs = [
    output,
    call.make(present(key), call.value(1).type, null, 1),
    call.make(present(value), call.value(2).type, null, 2),
  ]
  const rows = batch * query.heads * seq
  const cols = key.tokens + past
  if (rows * cols * headDim * value.size === 0) return outputs
  const scores = call.make([rows, cols], call.value(0).type, null, 8)
  const shares = call.make([rows, cols], call.value(0).type, null, 9)
  if (seq === key.tokens && value.size === headDim && query.heads % key.heads === 0) {
    const dims = {batch, seq, cached: past, heads: query.heads, kvHeads: key.heads, headDim, causal}
    const cache = past > 0 ? [[call.value(4)], [call.value(5)]] : [[], []]
    call.emit('attention-scores', dims, [call.value(0), call.value(1), ...cache[0]!], [scores], 'scores')
    const kept = batch * query.heads * keptPairs(seq, past, causal)
    call.emit('softmax', {rows, cols, kept}, [scores], [shares], 'softmax')
    call.emit('attention-values', dims, [shares, call.value(2), ...cache[1]!], [output], 'values')
    return outputs
  }
  // across sequences, or with values of another size: a mask that is no triangle of these sizes is not known
  if (causal || past > 0) throw new Unshaped()
  const dot = {x: product(q), y: product(k), out: rows * cols, inner: headDim}
  call.emit('einsum', dot, [call.value(0), call.value(1)], [scores], 'scores')
  call.emit('softmax', {rows, cols, kept: rows * cols}, [scores], [shares], 'softmax')
  const sums = {x: rows * cols, y: product(v), out: rows * value.size, inner: cols}
  call.emit('einsum', sums, [shares, call.value(2)], [output], 'values')
  return outputs
}

/** Rotated pairs: two multiplications and an addition or subtraction per element. */
const rotary: Handler = (call) => {
  const x = call.value(0)
  return [call.pointwise([x], call.make(call.shape(0), x.type), 3)]
}

export const attentions: Handlers = {
  Attention: attention,
  RotaryEmbedding: rotary,
  'com.microsoft.RotaryEmbedding': rotary,
}
