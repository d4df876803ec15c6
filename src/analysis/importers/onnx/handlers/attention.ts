/**
 * Attention and what stands around it: ai.onnx opset 23 and com.microsoft.
 * https://onnx.ai/onnx/operators/onnx__Attention.html,
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import {keptPairs} from '../../../ops/pairs.ts'
import type {Call, Handler, Handlers} from '../call.ts'
import {Mistake, product, Unshaped, type Value} from '../values.ts'

/** One attention: where its operands lie and how they are read. Tokens of past and present keys are apart. */
interface Heads {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  /** keys and values of earlier tokens */
  readonly cache: readonly [Value, Value] | null
  readonly batch: number
  readonly seq: number
  /** keys that come with the queries */
  readonly keys: number
  readonly cached: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly valueDim: number
  readonly causal: boolean
  readonly window?: number
  /** added to the scores */
  readonly mask?: Value | null
  readonly softcap?: boolean
  /** a score per head that takes part in every softmax */
  readonly sink?: Value | null
}

/**
 * Scores, softmax and values as operators of their own, as in a model of the registry.
 * @throws Unshaped for a causal mask between sequences whose lengths do not tell which tokens see which
 */
function attend(call: Call, at: Heads, output: Value): void {
  const {q, k, v, batch, seq, keys, cached, heads, kvHeads, headDim, valueDim} = at
  const [rows, cols] = [batch * heads * seq, cached + keys]
  if (rows * cols * headDim * valueDim === 0) return
  const {type} = q
  const rectangle = (place: number) => call.make([rows, cols], type, null, place)
  const triangle = seq === keys && valueDim === headDim && heads % kvHeads === 0
  if (!triangle && (at.causal || cached > 0)) throw new Unshaped()
  const window = at.window && at.window > 0 ? {window: at.window} : {}
  const causal = at.causal
  const dims = {batch, seq, cached, heads, kvHeads, headDim, causal, ...window}
  let scores = rectangle(8)
  if (triangle) call.emit('attention-scores', dims, at.cache ? [q, k, at.cache[0]] : [q, k], [scores], 'scores')
  else {
    const dot = {
      x: batch * seq * heads * headDim,
      y: batch * keys * kvHeads * headDim,
      out: rows * cols,
      inner: headDim,
    }
    call.emit('einsum', dot, [q, k], [scores], 'scores')
  }
  const kept = batch * heads * (triangle ? keptPairs(seq, cached, causal, at.window ?? 0) : seq * cols)
  if (at.softcap) {
    const capped = rectangle(10)
    call.emit('softcap', {rows, cols, kept}, [scores], [capped], 'softcap')
    scores = capped
  }
  if (at.mask) scores = call.pointwise([scores, at.mask], rectangle(11), at.mask.type === 9 ? 0 : 1, 0, 'mask')
  const shares = rectangle(9)
  if (at.sink) call.emit('softmax-sink', {rows, cols, kept, heads}, [scores, at.sink], [shares], 'softmax')
  else call.emit('softmax', {rows, cols, kept}, [scores], [shares], 'softmax')
  if (triangle)
    call.emit('attention-values', dims, at.cache ? [shares, v, at.cache[1]] : [shares, v], [output], 'values')
  else {
    const sums = {x: rows * cols, y: batch * keys * kvHeads * valueDim, out: rows * valueDim, inner: cols}
    call.emit('einsum', sums, [shares, v], [output], 'values')
  }
}

/** [batch, heads, tokens, size], or [batch, tokens, heads·size]. */
function split(shape: readonly number[], heads: number) {
  if (shape.length === 4) return {batch: shape[0]!, heads: shape[1]!, tokens: shape[2]!, size: shape[3]!}
  if (shape.length !== 3 || heads < 1 || shape[2]! % heads !== 0) throw new Mistake(`[${shape}] in ${heads} heads`)
  return {batch: shape[0]!, heads, tokens: shape[1]!, size: shape[2]! / heads}
}

/** Attention of opset 23: queries, keys, values, mask, past keys, past values. */
const attention: Handler = (call) => {
  const q = call.shape(0)
  const kvHeads = call.int('kv_num_heads', 0)
  const [query, key, value] = [
    split(q, call.int('q_num_heads', 0)),
    split(call.shape(1), kvHeads),
    split(call.shape(2), kvHeads),
  ]
  const cached = call.has(4) ? (call.shape(4).at(-2) ?? 0) : 0
  const {batch, tokens: seq, size: headDim, heads} = query
  const wide = q.length === 4 ? [batch, heads, seq, value.size] : [batch, seq, heads * value.size]
  const output = call.make(wide, call.value(0).type)
  const present = (part: {heads: number; size: number}) => [batch, part.heads, key.tokens + cached, part.size]
  attend(
    call,
    {
      ...{q: call.value(0), k: call.value(1), v: call.value(2), batch, seq, keys: key.tokens, cached, heads, headDim},
      cache: cached > 0 ? [call.value(4), call.value(5)] : null,
      kvHeads: key.heads,
      valueDim: value.size,
      causal: call.int('is_causal', 0) === 1,
      mask: call.inputs[3] ?? null,
      softcap: call.float('softcap', 0) > 0,
    },
    output,
  )
  return [
    output,
    call.make(present(key), call.value(1).type, null, 1),
    call.make(present(value), call.value(2).type, null, 2),
  ]
}

/** Queries, keys and values out of one product (com.microsoft.Attention): input, weights, bias, mask, past, scores to add. */
const packedAttention =
  (quantized: boolean): Handler =>
  (call) => {
    const [x, w] = [call.shape(0), call.shape(1)]
    const heads = call.int('num_heads', 0)
    const [batch, seq, hidden] = [x[0] ?? 0, x[1] ?? 0, x[2] ?? 0]
    const widths = call.ints('qkv_hidden_sizes') ?? Array(3).fill((w[1] ?? 0) / 3)
    const [queries, keys, values] = widths as [number, number, number]
    const sound = x.length === 3 && w[0] === hidden && queries + keys + values === w[1] && queries === keys
    if (!sound || heads < 1 || queries % heads !== 0 || values % heads !== 0)
      throw new Mistake(`input [${x}], weights [${w}], ${heads} heads`)
    const type = quantized ? call.value(3).type : call.value(0).type
    const output = call.make([batch, seq, values], type)
    const past = call.inputs[quantized ? 8 : 4]
    const cached = past?.shape ? (past.shape[3] ?? 0) : 0
    const qkv = call.make([batch, seq, w[1]!], type, null, 7)
    if (product([batch, seq, hidden, w[1]!]) > 0) {
      const bias = call.inputs[2]
      const inputs = [call.value(0), call.value(1), ...(bias ? [bias] : [])]
      const dims = {m: batch * seq, n: w[1]!, k: hidden, bias: bias !== null && bias !== undefined}
      // sums of 8-bit products are multiplied by both scales
      const options = quantized ? {integer: true, beside: 2 * batch * seq * w[1]!} : {}
      call.emit('linear', dims, inputs, [qkv], 'qkv', options)
    }
    const headDim = queries / heads
    const part = (width: number) => call.view(qkv, [batch, seq, width])
    attend(
      call,
      {
        ...{
          q: part(queries),
          k: part(keys),
          v: part(values),
          batch,
          seq,
          keys: seq,
          cached,
          heads,
          kvHeads: heads,
          headDim,
        },
        cache: past && cached > 0 ? [past, past] : null,
        valueDim: values / heads,
        causal: call.int('unidirectional', 0) === 1,
        mask: (quantized ? null : call.inputs[5]) ?? null,
      },
      output,
    )
    return [output, call.make([2, batch, heads, cached + seq, headDim], type, null, 1)]
  }

/** com.microsoft.MultiHeadAttention: queries, keys, values, bias, padding mask, scores to add, past keys, past values. */
const multiHead: Handler = (call) => {
  const heads = call.int('num_heads', 0)
  const q = call.shape(0)
  if (heads < 1 || (q.length !== 3 && q.length !== 5)) throw new Mistake(`queries [${q}], ${heads} heads`)
  const [batch, seq] = [q[0]!, q[1]!]
  // [batch, tokens, heads, 3, size] holds all three; [batch, tokens, heads, 2, size] keys and values
  const packed = q.length === 5
  const headDim = packed ? q[4]! : q[2]! / heads
  if (!Number.isInteger(headDim)) throw new Mistake(`queries [${q}] in ${heads} heads`)
  const k = packed ? null : call.shape(1)
  const v = k?.length === 5 || !call.has(2) ? null : call.shape(2)
  const keys = k === null ? seq : k.length === 4 ? k[2]! : k[1]!
  const valueDim = v === null ? headDim : v.length === 4 ? v[3]! : v[2]! / heads
  const cached = call.has(6) ? (call.shape(6)[2] ?? 0) : 0
  const {type} = call.value(0)
  const output = call.make([batch, seq, heads * valueDim], type)
  const own = (value: Value) => call.view(value, [batch, seq, heads * headDim])
  const both = (value: Value) => call.view(value, [batch, keys, heads * headDim])
  let [query, key, value] = [
    own(call.value(0)),
    both(k ? call.value(1) : call.value(0)),
    both(v ? call.value(2) : k ? call.value(1) : call.value(0)),
  ]
  if (v) value = call.value(2)
  const bias = call.inputs[3]
  const width = heads * headDim
  if (bias?.shape && product(bias.shape) > 0) {
    // one bias for all three, in front of the heads
    const biased = (x: Value, size: number, name: string, place: number) =>
      call.pointwise([x, call.view(bias, [size])], call.make(x.shape, type, null, place), 1, 0, `${name}.bias`)
    query = biased(query, width, 'q', 4)
    key = biased(key, width, 'k', 5)
    value = biased(value, heads * valueDim, 'v', 6)
  }
  attend(
    call,
    {
      ...{q: query, k: key, v: value, batch, seq, keys, cached, heads, kvHeads: heads, headDim, valueDim},
      cache: cached > 0 ? [call.value(6), call.value(7)] : null,
      causal: call.int('unidirectional', 0) === 1,
      mask: call.inputs[5] ?? null,
    },
    output,
  )
  const present = (size: number, place: number) => call.make([batch, heads, cached + keys, size], type, null, place)
  return [output, present(headDim, 1), present(valueDim, 2)]
}

/** com.microsoft.GroupQueryAttention: causal, with rotary positions inside where `do_rotary` is set. */
const groupQuery: Handler = (call) => {
  const [heads, kvHeads] = [call.int('num_heads', 0), call.int('kv_num_heads', 0)]
  const q = call.shape(0)
  const packed = !call.has(1)
  const headDim = (q[2] ?? 0) / (packed ? heads + 2 * kvHeads : heads)
  if (q.length !== 3 || heads < 1 || kvHeads < 1 || heads % kvHeads !== 0 || !Number.isInteger(headDim))
    throw new Mistake(`queries [${q}], ${heads} and ${kvHeads} heads`)
  const [batch, seq] = [q[0]!, q[1]!]
  const room = call.has(3) ? (call.shape(3)[2] ?? 0) : 0
  // a cache that is longer than what it holds: the total is then an input
  const total = call.inputs[6]?.data?.[0]
  const cached = total !== undefined && total >= seq && total - seq <= room ? total - seq : room
  const {type} = call.value(0)
  const view = (value: Value, count: number) => call.view(value, [batch, seq, count * headDim])
  let query = view(call.value(0), heads)
  let key = view(call.value(packed ? 0 : 1), kvHeads)
  const value = view(call.value(packed ? 0 : 2), kvHeads)
  if (call.int('do_rotary', 0) === 1 && product([batch, seq, headDim]) > 0) {
    const turned = [call.make(query.shape, type, null, 4), call.make(key.shape, type, null, 5)] as const
    const table = call.value(7)
    const rotary = Math.min(headDim, 2 * (call.shape(7)[1] ?? headDim))
    const sizes = {batch, seq, heads, kvHeads, headDim: rotary}
    if (rotary === headDim) call.emit('rope', sizes, [query, key, table], turned, 'rope')
    else call.emit('rope-partial', {...sizes, plain: headDim - rotary}, [query, key, table], turned, 'rope')
    ;[query, key] = turned
  }
  const output = call.make([batch, seq, heads * headDim], type)
  const window = Math.max(0, call.int('local_window_size', -1))
  const seen = window > 0 ? Math.min(cached, window - 1) : cached
  attend(
    call,
    {
      ...{q: query, k: key, v: value, batch, seq, keys: seq, cached: seen, heads, kvHeads, headDim, window},
      cache: seen > 0 ? [call.value(3), call.value(4)] : null,
      valueDim: headDim,
      causal: true,
      mask: call.inputs[10] ?? null,
      softcap: call.float('softcap', 0) > 0,
      sink: call.inputs[11] ?? null,
    },
    output,
  )
  const present = (place: number) =>
    call.make([batch, kvHeads, Math.max(room, cached + seq), headDim], type, null, place)
  return [output, present(1), present(2)]
}

/** Rotated pairs: two multiplications and an addition or subtraction per element; the rest of a head is copied. */
const rotary: Handler = (call) => {
  const x = call.value(0)
  const shape = call.shape(0)
  const output = call.make(shape, x.type)
  const turned = call.int('rotary_embedding_dim', 0)
  const heads = call.int('num_heads', 0)
  const size = shape.length === 4 ? shape[3]! : heads > 0 ? (shape.at(-1) ?? 0) / heads : 0
  if (turned <= 0 || size <= turned) return [call.pointwise([x], output, 3)]
  const elements = (product(shape) / size) * turned
  const rest = product(shape) - elements
  if (!Number.isSafeInteger(elements)) throw new Mistake(`turns ${turned} of ${size} channels`)
  if (elements > 0) {
    const dims = {elements, read: elements, operations: 3, special: 0, linear: true}
    call.emit('pointwise', dims, [x], [output], 'turned')
    call.emit('move', {read: rest, written: rest}, [x], [output], 'plain')
  }
  return [output]
}

export const attentions: Handlers = {
  Attention: attention,
  'com.microsoft.Attention': packedAttention(false),
  'com.microsoft.QAttention': packedAttention(true),
  'com.microsoft.MultiHeadAttention': multiHead,
  'com.microsoft.GroupQueryAttention': groupQuery,
  RotaryEmbedding: rotary,
  'com.microsoft.RotaryEmbedding': rotary,
}
