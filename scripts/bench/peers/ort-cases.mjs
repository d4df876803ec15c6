// What bench:peers -- ort compares: our kernel, and the operators with which ONNX Runtime computes the same.
//   tensors     ours, inputs before outputs, in the kernel's order: [name, shape, type]
//   outs        how many of them are outputs; the first is compared with `result`
//   nodes       ONNX Runtime's; tensors that no node writes are those of ours by name, or `derived`
//   derived     where ONNX Runtime wants another layout: name → [shape, type, values from ours]
//   constants   names that are weights: ONNX Runtime may lay them out when it loads the model, which ours does on every call
//   plain       the optimizer is off: it would leave out a transpose of which only the shape is asked

const ms = 'com.microsoft'
const node = (op, from, out, attributes = {}, domain = '') => ({op, in: from, out, attributes, domain})
const eps = {epsilon: {float: 1e-5}}

/** [a, b] → [b, a] */
const turned = (values, a, b) => {
  const out = new values.constructor(values.length)
  for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) out[j * a + i] = values[i * b + j]
  return out
}

/** Kernels of rows and of elements, at one shape of both. */
export function plainCases(rows, cols) {
  const n = rows * cols
  const square = [rows, cols]
  const column = [cols]
  const x = ['x', square]
  const y = ['y', square]
  const unary = (kernel, op, domain, attributes) => ({
    kernel,
    dims: [n, 1],
    tensors: [x, y],
    nodes: [node(op, ['x'], ['y'], attributes, domain)],
  })
  const binary = (kernel, op) => ({
    kernel,
    dims: [n, 1],
    tensors: [x, ['b', square], y],
    nodes: [node(op, ['x', 'b'], ['y'])],
  })
  const skip = (kernel, op, weights) => ({
    kernel,
    dims: square,
    tensors: [x, ['r', square], ...weights.map((name) => [name, column]), ['h', square], y],
    outs: 2,
    // the sum, which the next layer adds to; the norm goes nowhere else
    result: 'h',
    nodes: [
      node('Unsqueeze', ['x', 'zero'], ['x3']),
      node('Unsqueeze', ['r', 'zero'], ['r3']),
      node(op, ['x3', 'r3', ...weights], ['y3', '', '', 'h'], eps, ms),
    ],
    derived: {zero: [[1], 'int64', () => BigInt64Array.of(0n)]},
    constants: ['zero'],
  })
  return [
    unary('relu', 'Relu'),
    unary('gelu', 'Gelu', ms),
    unary('gelu-tanh', 'FastGelu', ms),
    unary('silu', 'QuickGelu', ms, {alpha: {float: 1}}),
    binary('add', 'Add'),
    binary('mul', 'Mul'),
    {
      kernel: 'bias+gelu',
      dims: square,
      tensors: [x, ['b', column], y],
      nodes: [node('BiasGelu', ['x', 'b'], ['y'], {}, ms)],
    },
    {kernel: 'softmax', dims: square, tensors: [x, y], nodes: [node('Softmax', ['x'], ['y'], {axis: -1})]},
    {
      kernel: 'layernorm',
      dims: square,
      tensors: [x, ['g', column], ['b', column], y],
      nodes: [node('LayerNormalization', ['x', 'g', 'b'], ['y'], {axis: -1, ...eps})],
    },
    {
      kernel: 'rmsnorm',
      dims: square,
      tensors: [x, ['g', column], y],
      nodes: [node('SimplifiedLayerNormalization', ['x', 'g'], ['y'], {axis: -1, ...eps})],
    },
    skip('add+layernorm', 'SkipLayerNormalization', ['g', 'b']),
    skip('add+rmsnorm', 'SkipSimplifiedLayerNormalization', ['g']),
    {
      kernel: 'transpose',
      dims: [1, rows, cols],
      tensors: [x, ['y', [cols, rows]]],
      nodes: [node('Transpose', ['x'], ['y'], {perm: [1, 0]})],
      plain: true,
    },
    {
      kernel: 'dequantize-int8',
      dims: square,
      tensors: [['q', square, 'int8'], ['s', [rows]], y],
      nodes: [node('DequantizeLinear', ['q', 's'], ['y'], {axis: 0})],
    },
  ]
}

function product(activation, [m, n, k]) {
  const chains = {
    relu: [node('FusedGemm', ['x', 'w', 'bias'], ['y'], {activation: 'Relu'}, ms)],
    gelu: [node('MatMul', ['x', 'w'], ['h']), node('BiasGelu', ['h', 'bias'], ['y'], {}, ms)],
    silu: [node('Gemm', ['x', 'w', 'bias'], ['h']), node('QuickGelu', ['h'], ['y'], {alpha: {float: 1}}, ms)],
  }
  return {
    kernel: `gemm+bias+${activation}`,
    dims: [m, n, k],
    tensors: [
      ['x', [m, k]],
      ['w', [k, n]],
      ['bias', [n]],
      ['y', [m, n]],
    ],
    constants: ['w', 'bias'],
    nodes: chains[activation],
  }
}

const qkv = ([m, k, q, kv]) => ({
  kernel: 'gemm',
  title: 'qkv',
  dims: [m, q + 2 * kv, k],
  tensors: [
    ['x', [m, k]],
    ['w', [k, q + 2 * kv]],
    ['y', [m, q + 2 * kv]],
  ],
  constants: ['w'],
  nodes: [node('MatMul', ['x', 'w'], ['y'])],
})

/** `level`: 1 multiplies in f32 as ours does, 4 rounds x to 8 bits first: another result, and less work. */
function quantized(bits, [m, n, k, group], level) {
  const isVector = m === 1
  const kernel = `dequantize-int${bits}+gem${isVector ? 'v' : 'm'}`
  // ours of 8 bits has a scale for a row; ONNX Runtime's blocks are at most 256 wide
  const block = bits === 8 ? 128 : group
  const blocks = k / block
  const scales = bits === 8 ? n : n * blocks
  const native = bits === 8 ? [n, k] : [n, k, group]
  const stored = (q) => {
    const out = new Uint8Array(q.length)
    for (let i = 0; i < q.length; i++) out[i] = bits === 8 ? q[i] + 128 : q[i] ^ 0x88
    return out
  }
  return {
    kernel,
    title: `${kernel}${level === 4 ? ' (x in 8 bits)' : ''}`,
    dims: isVector ? native : [m, n, k, bits === 8 ? k : group],
    tensors: [
      ...(isVector ? [['x', [1, k]]] : [['x', [m, k]]]),
      ['q', bits === 8 ? [n, k] : [n, k / 2], bits === 8 ? 'int8' : 'uint8'],
      ['s', [scales]],
      ['y', [m, n]],
    ],
    derived: {
      'q blocks': [[n, blocks, (block * bits) / 8], 'uint8', ({q}) => stored(q)],
      's blocks': [
        [n * blocks],
        'float32',
        ({s}) => (bits === 8 ? Float32Array.from({length: n * blocks}, (_, i) => s[Math.floor(i / blocks)]) : s),
      ],
    },
    constants: ['q blocks', 's blocks'],
    nodes: [
      node(
        'MatMulNBits',
        ['x', 'q blocks', 's blocks'],
        ['y'],
        {K: k, N: n, bits, block_size: block, accuracy_level: level},
        ms,
      ),
    ],
    loose: level === 4,
  }
}

function attention([batch, seq, heads, kvHeads, headDim, causal]) {
  const q = ['q', [batch, seq, heads * headDim]]
  const wide = [batch, seq, kvHeads * headDim]
  const grouped = heads !== kvHeads
  const op = grouped
    ? node(
        'GroupQueryAttention',
        ['q', 'k', 'v', '', '', 'lengths', 'total'],
        ['o', 'present k', 'present v'],
        {num_heads: heads, kv_num_heads: kvHeads},
        ms,
      )
    : node('MultiHeadAttention', ['q', 'k', 'v'], ['o'], {num_heads: heads, unidirectional: causal}, ms)
  return {
    kernel: 'attention',
    title: `attention${grouped ? '-gqa' : ''}${causal ? '' : ', not causal'}`,
    dims: [batch, seq, heads, kvHeads, headDim, causal],
    tensors: [q, ['k', wide], ['v', wide], ['o', q[1]]],
    result: 'o',
    nodes: [op],
    ...(grouped
      ? {
          derived: {
            lengths: [[batch], 'int32', () => new Int32Array(batch).fill(seq - 1)],
            total: [[1], 'int32', () => Int32Array.of(seq)],
          },
          constants: ['lengths', 'total'],
        }
      : {}),
  }
}

/** ONNX Runtime takes keys and values of every head together, [batch, heads, tokens, dim], ours as they come from the projection. */
function decode([batch, cached, heads, headDim]) {
  const fresh = [batch, 1, heads * headDim]
  const cache = [batch, cached, heads * headDim]
  const joined = (now, before) => {
    const out = new Float32Array(batch * heads * (cached + 1) * headDim)
    for (let b = 0; b < batch; b++)
      for (let t = 0; t <= cached; t++)
        for (let h = 0; h < heads; h++) {
          const from = t < cached ? (b * cached + t) * heads + h : b * heads + h
          const row = (t < cached ? before : now).subarray(from * headDim, (from + 1) * headDim)
          out.set(row, ((b * heads + h) * (cached + 1) + t) * headDim)
        }
    return out
  }
  const shape = [batch, heads, cached + 1, headDim]
  return {
    kernel: 'attention-cached',
    title: 'attention-decode',
    dims: [batch, 1, heads, heads, headDim, 1, cached],
    tensors: [
      ['q', fresh],
      ['k', fresh],
      ['k cache', cache],
      ['v', fresh],
      ['v cache', cache],
      ['o', fresh],
    ],
    result: 'o',
    derived: {
      keys: [shape, 'float32', (t) => joined(t.k, t['k cache'])],
      values: [shape, 'float32', (t) => joined(t.v, t['v cache'])],
    },
    nodes: [node('MultiHeadAttention', ['q', 'keys', 'values'], ['o'], {num_heads: heads}, ms)],
  }
}

/** BatchNorm is part of ONNX Runtime's weights, as its optimizer would make it. */
function conv([batch, channels, filters, groups, height, width, kernel, stride, dilation, pad], isFused) {
  const depth = (channels / groups) * kernel * kernel
  const out = (size) => Math.floor((size + pad - dilation * (kernel - 1) - 1) / stride) + 1
  const before = Math.floor(pad / 2)
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    dilations: [dilation, dilation],
    pads: [before, before, pad - before, pad - before],
    group: groups,
  }
  const w = ['w', [filters, channels / groups, kernel, kernel]]
  const tensors = [['x', [batch, channels, height, width]], w]
  const y = ['y', [batch, filters, out(height), out(width)]]
  const native = [batch, channels, filters, groups, height, width, kernel, stride, dilation, pad, 0]
  if (!isFused)
    return {
      kernel: 'conv',
      title: groups > 1 ? 'conv-depthwise' : 'conv',
      dims: native,
      tensors: [...tensors, y],
      constants: ['w'],
      nodes: [node('Conv', ['x', 'w'], ['y'], attributes)],
    }
  return {
    kernel: 'conv+batchnorm+relu',
    dims: native,
    tensors: [...tensors, ['scale', [filters]], ['shift', [filters]], y],
    derived: {
      folded: [w[1], 'float32', (t) => t.w.map((v, i) => v * t.scale[Math.floor(i / depth)])],
    },
    constants: ['folded', 'shift'],
    nodes: [node('Conv', ['x', 'folded', 'shift'], ['h'], attributes), node('Relu', ['h'], ['y'])],
  }
}

/** Gates stand in the order input, output, forget, cell there; ours input, forget, cell, output. */
function lstm([batch, wide, hidden]) {
  const order = [0, 3, 1, 2]
  const gates = (values, k) => {
    const rows = turned(values, k, 4 * hidden)
    const out = new Float32Array(rows.length)
    for (const [i, gate] of order.entries())
      out.set(rows.subarray(gate * hidden * k, (gate + 1) * hidden * k), i * hidden * k)
    return out
  }
  return {
    kernel: 'lstm',
    dims: [batch, wide, hidden],
    tensors: [
      ['x', [batch, wide]],
      ['w', [wide, 4 * hidden]],
      ['u', [hidden, 4 * hidden]],
      ['biases', [4 * hidden]],
      ['h', [batch, hidden]],
      ['c', [batch, hidden]],
      ['h new', [batch, hidden]],
      ['c new', [batch, hidden]],
    ],
    outs: 2,
    result: 'hn',
    derived: {
      steps: [[1, batch, wide], 'float32', ({x}) => x],
      W: [[1, 4 * hidden, wide], 'float32', ({w}) => gates(w, wide)],
      R: [[1, 4 * hidden, hidden], 'float32', ({u}) => gates(u, hidden)],
      B: [
        [1, 8 * hidden],
        'float32',
        ({biases}) => Float32Array.of(...gates(biases, 1), ...new Float32Array(4 * hidden)),
      ],
      h0: [[1, batch, hidden], 'float32', ({h}) => h],
      c0: [[1, batch, hidden], 'float32', ({c}) => c],
    },
    constants: ['W', 'R', 'B'],
    nodes: [node('LSTM', ['steps', 'W', 'R', 'B', '', 'h0', 'c0'], ['', 'hn', 'cn'], {hidden_size: hidden})],
  }
}

/** Fused kernels at the two sizes of their definitions, and what they are made of where ONNX Runtime has no fused form. */
export const fusedCases = () => [
  ...['gelu', 'relu', 'silu'].flatMap((name) => [product(name, [128, 256, 128]), product(name, [4096, 4096, 256])]),
  qkv([32, 192, 192, 64]),
  qkv([16, 4096, 4096, 1024]),
  quantized(8, [1, 256, 1024], 1),
  quantized(8, [1, 8192, 8192], 1),
  quantized(8, [1, 8192, 8192], 4),
  quantized(4, [1, 512, 1024, 64], 1),
  quantized(4, [1, 16_384, 8192, 64], 1),
  quantized(4, [1, 16_384, 8192, 64], 4),
  quantized(8, [64, 256, 256], 1),
  quantized(8, [64, 8192, 8192], 1),
  quantized(4, [64, 192, 192, 64], 1),
  quantized(4, [64, 8192, 8192, 64], 1),
  attention([1, 128, 4, 4, 64, 1]),
  attention([1, 2048, 12, 12, 64, 1]),
  attention([1, 2048, 12, 12, 64, 0]),
  attention([1, 128, 4, 2, 64, 1]),
  attention([1, 2048, 32, 8, 128, 1]),
  decode([1, 127, 8, 64]),
  decode([8, 4095, 8, 128]),
  conv([1, 16, 16, 1, 28, 28, 3, 1, 1, 2], true),
  conv([8, 64, 256, 1, 56, 56, 1, 1, 1, 0], true),
  conv([8, 64, 64, 1, 56, 56, 3, 1, 1, 2], false),
  conv([1, 16, 16, 16, 28, 28, 3, 1, 1, 2], false),
  conv([8, 256, 256, 256, 112, 112, 3, 1, 1, 2], false),
  lstm([8, 64, 64]),
  lstm([64, 1024, 1024]),
]

/** Fused kernels that have no row, and why. */
export const without = {
  'scale+mask+softmax': 'inside its attention operators alone',
  'cross-entropy, adam': 'in its training builds alone',
  'swiglu, chain': 'no fused operator on CPUs',
}
