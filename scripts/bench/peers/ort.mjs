// Our row-wise and elementwise kernels against ONNX Runtime's on the same shapes, A B A B in one run, with one thread and all.
//   npm run bench:peers -- ort [--turns 5] [--seconds 0.1] [--only softmax]
// onnxruntime-node is no dependency: npm i --no-save onnxruntime-node. The time of its calls from JavaScript (an empty model's) is
// subtracted from its own; ours is taken on our threads. Both write into tensors that exist already.
import {createRequire} from 'node:module'
import {cpus} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

const {values: flags} = parseArgs({
  args: process.argv.slice(3),
  options: {
    turns: {type: 'string', default: '5'},
    seconds: {type: 'string', default: '0.1'},
    only: {type: 'string', default: ''},
  },
})
const turns = Number(flags.turns)
const seconds = Number(flags.seconds)
if (!(Number.isInteger(turns) && turns >= 1 && turns <= 100) || !(seconds >= 0.01 && seconds <= 60)) {
  process.stderr.write('--turns is a whole number from 1 to 100, --seconds a number from 0.01 to 60\n')
  process.exit(2)
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const require = createRequire(import.meta.url)
const load = (what, remedy, from) => {
  try {
    return require(from)
  } catch (error) {
    process.stderr.write(`${what} does not load: ${error.message.split('\n')[0]}\n${remedy}\n`)
    process.exit(4)
  }
}
const ort = load('onnxruntime-node', 'npm i --no-save onnxruntime-node', 'onnxruntime-node')
const addon = load('the native addon', 'npm run build:native', join(root, 'build', 'Release', 'ridgepoint.node'))

// --- a model of one node as bytes: protobuf's wire format; field numbers: onnx/onnx.proto3

function varint(value) {
  const out = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    out.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return out
}
const int = (field, value) => [...varint(field * 8), ...varint(value)]
const bytes = (field, value) => [...varint(field * 8 + 2), ...varint(value.length), ...value]
const text = (field, value) => bytes(field, new TextEncoder().encode(value))
const types = {float32: 1, int8: 3, int32: 6}
const attribute = ([name, value]) =>
  bytes(5, [
    ...text(1, name),
    ...(Number.isInteger(value)
      ? [...int(3, value), ...int(20, 2)]
      : Array.isArray(value)
        ? [...value.flatMap((one) => int(8, one)), ...int(20, 7)]
        : [...varint(2 * 8 + 5), ...new Uint8Array(Float32Array.of(value.float).buffer), ...int(20, 1)]),
  ])
const declared = (field, {name, shape, type = 'float32'}) =>
  bytes(field, [
    ...text(1, name),
    ...bytes(
      2,
      bytes(1, [
        ...int(1, types[type]),
        ...bytes(
          2,
          shape.flatMap((dim) => bytes(1, int(1, dim))),
        ),
      ]),
    ),
  ])
const oneNode = ({op, domain = '', attributes = {}, inputs, outputs}) =>
  Uint8Array.from([
    ...int(1, 8),
    ...bytes(7, [
      ...bytes(1, [
        ...inputs.flatMap(({name}) => text(1, name)),
        ...outputs.flatMap(({name}) => text(2, name)),
        ...text(4, op),
        ...Object.entries(attributes).flatMap(attribute),
        ...text(7, domain),
      ]),
      ...text(2, 'graph'),
      ...inputs.flatMap((input) => declared(11, input)),
      ...outputs.filter(({name}) => name !== '').flatMap((output) => declared(12, output)),
    ]),
    ...bytes(8, [...text(1, ''), ...int(2, 17)]),
    ...bytes(8, [...text(1, 'com.microsoft'), ...int(2, 1)]),
  ])

// --- what is compared

const microsoft = {domain: 'com.microsoft'}
/** Tensors in the order of our kernel; where ONNX Runtime has another order, its names. */
function casesOf(rows, cols) {
  const n = rows * cols
  const x = (name, shape = [rows, cols], type = 'float32') => ({name, shape, type})
  const column = (name) => x(name, [cols])
  const batched = (name) => x(name, [1, rows, cols])
  const [flat, square] = [
    [n, 1],
    [rows, cols],
  ]
  const none = {name: ''}
  const unary = (kernel, op, more = {}) => ({
    kernel,
    dims: flat,
    op,
    inputs: [x('x')],
    outputs: [x('y')],
    ...more,
  })
  return [
    unary('relu', 'Relu'),
    unary('gelu', 'Gelu', microsoft),
    unary('gelu-tanh', 'FastGelu', microsoft),
    // x · sigmoid(1 · x)
    unary('silu', 'QuickGelu', {...microsoft, attributes: {alpha: {float: 1}}}),
    {kernel: 'add', dims: flat, op: 'Add', inputs: [x('a'), x('b')], outputs: [x('y')]},
    {kernel: 'mul', dims: flat, op: 'Mul', inputs: [x('a'), x('b')], outputs: [x('y')]},
    {kernel: 'bias+gelu', dims: square, op: 'BiasGelu', ...microsoft, inputs: [x('x'), column('b')], outputs: [x('y')]},
    {kernel: 'softmax', dims: square, op: 'Softmax', attributes: {axis: -1}, inputs: [x('x')], outputs: [x('y')]},
    {
      kernel: 'layernorm',
      dims: square,
      op: 'LayerNormalization',
      attributes: {axis: -1, epsilon: {float: 1e-5}},
      inputs: [x('x'), column('g'), column('b')],
      outputs: [x('y')],
    },
    {
      kernel: 'add+layernorm',
      dims: square,
      op: 'SkipLayerNormalization',
      ...microsoft,
      attributes: {epsilon: {float: 1e-5}},
      inputs: [batched('x'), batched('r'), column('g'), column('b')],
      outputs: [batched('y'), none, none, batched('h')],
      ours: ['x', 'r', 'g', 'b', 'h', 'y'],
    },
    {
      kernel: 'add+rmsnorm',
      dims: square,
      op: 'SkipSimplifiedLayerNormalization',
      ...microsoft,
      attributes: {epsilon: {float: 1e-5}},
      inputs: [batched('x'), batched('r'), column('g')],
      outputs: [batched('y'), none, none, batched('h')],
      ours: ['x', 'r', 'g', 'h', 'y'],
    },
    {
      kernel: 'transpose',
      dims: [1, rows, cols],
      op: 'Transpose',
      attributes: {perm: [1, 0]},
      inputs: [x('x')],
      outputs: [x('y', [cols, rows])],
    },
    {
      // ours also finds the scales
      kernel: 'quantize',
      dims: square,
      op: 'QuantizeLinear',
      attributes: {axis: 0},
      inputs: [x('x'), x('s', [rows]), x('z', [rows], 'int8')],
      outputs: [x('q', square, 'int8')],
      ours: ['x', 'q', 's'],
      outs: 2,
    },
    {
      kernel: 'dequantize-int8',
      dims: square,
      op: 'DequantizeLinear',
      attributes: {axis: 0},
      inputs: [x('q', square, 'int8'), x('s', [rows])],
      outputs: [x('y')],
    },
  ]
}

// --- one turn of each

const arrays = {float32: Float32Array, int8: Int8Array, int32: Int32Array}
const count = (shape) => shape.reduce((a, b) => a * b, 1)
function filled({shape, type}) {
  const values = new arrays[type](count(shape))
  const full = type === 'float32' ? 1 : 100
  for (let i = 0; i < values.length; i++) values[i] = full * (((i * 0.6180339887) % 1) * 2 - 1)
  return values
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

async function ortRun(one, threads) {
  const session = await ort.InferenceSession.create(oneNode(one), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  })
  const tensors = (list, make) =>
    Object.fromEntries(
      list.filter(({name}) => name !== '').map((t) => [t.name, new ort.Tensor(t.type, make(t), t.shape)]),
    )
  // one scale for all would be refused by neither, but the largest magnitude is 1 in ours
  const feeds = tensors(one.inputs, (t) =>
    t.name === 's' ? filled(t).fill(1 / 127) : t.name === 'z' ? filled(t).fill(0) : filled(t),
  )
  const fetches = tensors(one.outputs, (t) => new arrays[t.type](count(t.shape)))
  return {run: () => session.run(feeds, fetches), close: () => session.release()}
}

async function ourRun(one, threads) {
  const session = new addon.Session()
  await session.open(Array(threads).fill(64), Array(threads).fill(0))
  const all = [...one.inputs, ...one.outputs].filter(({name}) => name !== '' && name !== 'z')
  await session.allocate(
    all.map((t) => ({
      bytes: count(t.shape) * arrays[t.type].BYTES_PER_ELEMENT,
      fill: t.type === 'float32' ? 'f32' : 'bytes',
    })),
  )
  const order = one.ours ?? all.map(({name}) => name)
  const outs = one.outs ?? one.outputs.filter(({name}) => name !== '').length
  const numbers = order.map((name) => all.findIndex((t) => t.name === name))
  const stages = [{kernel: one.kernel, dims: one.dims, in: numbers.slice(0, -outs), out: numbers.slice(-outs)}]
  const isa = addon.cpu().isas.at(-1).name
  const spec = {probe: 'program', isa, threads, bytes: 0, roam: false, passes: 1, clock: false, stages}
  return {
    run: async (repetitions) => [...(await session.sample({...spec, repetitions})).seconds],
    close: () => session.close(),
  }
}

async function timed(run, budget) {
  const times = []
  const end = performance.now() + budget * 1000
  do {
    const from = performance.now()
    await run()
    times.push((performance.now() - from) / 1000)
  } while (performance.now() < end)
  return times
}

const empty = {
  op: 'Relu',
  inputs: [{name: 'x', shape: [1], type: 'float32'}],
  outputs: [{name: 'y', shape: [1], type: 'float32'}],
}
const {allowed} = addon.cpu()
process.stdout.write(
  `${cpus()[0].model}, ${allowed} CPUs, ONNX Runtime ${require('onnxruntime-node/package.json').version}, ${turns} turns, ${new Date().toISOString().slice(0, 10)}\n`,
)
process.stdout.write(`${'kernel'.padEnd(18)}${'shape'.padEnd(12)}threads  ours µs   ORT µs  ORT ÷ ours: best, median\n`)
const behind = []
for (const threads of allowed > 1 ? [1, allowed] : [1])
  for (const shape of [
    [1024, 1024],
    [4096, 4096],
  ]) {
    const idle = await ortRun(empty, threads)
    const overhead = Math.min(...(await timed(idle.run, 0.05)))
    await idle.close()
    for (const one of casesOf(...shape).filter(({kernel}) => kernel.includes(flags.only))) {
      const [ours, theirs] = [await ourRun(one, threads), await ortRun(one, threads)]
      const times = {ours: [], theirs: []}
      await theirs.run()
      const [first] = await ours.run(1)
      for (let turn = 0; turn < turns; turn++) {
        times.ours.push(...(await ours.run(Math.max(2, Math.round(seconds / Math.max(first, 1e-6))))))
        times.theirs.push(...(await timed(theirs.run, seconds)).map((t) => Math.max(t - overhead, 1e-9)))
      }
      await theirs.close()
      ours.close()
      const best = {ours: Math.min(...times.ours), theirs: Math.min(...times.theirs)}
      const ratio = best.theirs / best.ours
      if (ratio < 1) behind.push(`${one.kernel} ${shape.join('x')} ${threads}T`)
      const us = (value) => (value * 1e6).toFixed(0).padStart(9)
      process.stdout.write(
        `${one.kernel.padEnd(18)}${shape.join('x').padEnd(12)}${String(threads).padStart(7)}${us(best.ours)}${us(best.theirs)}  ${ratio.toFixed(2).padStart(6)} ${(median(times.theirs) / median(times.ours)).toFixed(2).padStart(6)}\n`,
      )
    }
  }
process.stdout.write(
  behind.length === 0 ? 'No kernel is slower than ONNX Runtime.\n' : `Slower than ONNX Runtime: ${behind.join('; ')}\n`,
)
