/** Reading model files: a graph of 1,000 nodes in process, and the header of a file of 2 GB. */
import {closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {median} from './statistics.mjs'

const times = (samples, run) =>
  Array.from({length: samples}, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })

/** A chain of `count` nodes, as an exporter writes transformer blocks: products, norms, elementwise work, shape arithmetic. */
function chain(write, count) {
  const {constant, model, node, tensor, value} = write
  const nodes = [constant('split', [0, 0, 8, 32])]
  const kinds = [
    (x, y) => node('LayerNormalization', `${x} g b`, y),
    (x, y) => node('MatMul', `${x} w`, y),
    (x, y) => node('Add', `${x} b`, y),
    (x, y) => node('Reshape', `${x} split`, y),
    (x, y) => node('Transpose', x, y, {perm: [0, 2, 1, 3]}),
    (x, y) => node('Softmax', x, y),
    (x, y) => node('Transpose', x, y, {perm: [0, 2, 1, 3]}),
    (x, y) => node('Reshape', `${x} join`, y),
    (x, y) => node('MatMul', `${x} w`, y),
    (x, y) => node('Gelu', x, y),
  ]
  for (let i = 0; nodes.length < count; i++) nodes.push(kinds[i % kinds.length](`t${i}`, `t${i + 1}`))
  const initializers = [
    tensor('w', [256, 256]),
    tensor('g', [256]),
    tensor('b', [256]),
    tensor('join', [3], write.INT64, [0, 0, -1]),
  ]
  return model({nodes, inputs: [value('t0', [1, 128, 256])], initializers}, 20)
}

/** An ONNX file of 2 GB on disk: 512 weights of 4 MB each, sparse where the file system allows it. */
function largeFile(write, path) {
  const {bytes, int, node, tensor, text, value, varint} = write
  const [weights, each] = [512, 4 * 2 ** 20]
  const fd = openSync(path, 'w')
  const heads = Array.from({length: weights}, (_, i) => {
    const head = [...tensor(`w${i}`, [1024, 1024]), ...varint(9 * 8 + 2), ...varint(each)]
    return [...varint(5 * 8 + 2), ...varint(head.length + each), ...head]
  })
  const rest = [
    ...Array.from({length: weights}, (_, i) => bytes(1, node('MatMul', `x${i} w${i}`, `x${i + 1}`))).flat(),
    ...bytes(11, value('x0', [1, 1024])),
  ]
  const size = heads.reduce((sum, head) => sum + head.length + each, rest.length)
  let at = writeSync(fd, Uint8Array.from([...int(1, 8), ...text(2, 'bench'), ...varint(7 * 8 + 2), ...varint(size)]))
  for (const head of heads) {
    writeSync(fd, Uint8Array.from(head), 0, head.length, at)
    at += head.length + each
  }
  at += writeSync(fd, Uint8Array.from([...rest, ...bytes(8, int(2, 17))]), 0, undefined, at)
  ftruncateSync(fd, at)
  closeSync(fd)
}

/**
 * @param engine analyzeModel, parseOnnx, bytesSource, machines
 * @param write the writer of ONNX files of the tests
 */
export function measureFiles(engine, write, samples) {
  const {analyzeModel, bytesSource, machines, parseOnnx} = engine
  const file = chain(write, 1000)
  const machine = machines['h100-sxm']
  const read = () => parseOnnx(bytesSource(file), 'bench.onnx').model
  const whole = () => analyzeModel(read(), machine)
  for (let i = 0; i < 3; i++) whole()
  const graph = {read: median(times(samples, read)), whole: median(times(samples, whole))}

  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-bench-'))
  try {
    const path = join(folder, 'large.onnx')
    largeFile(write, path)
    const before = process.memoryUsage().rss
    const start = performance.now()
    const fd = openSync(path, 'r')
    const {size} = statSync(path)
    const source = {
      size,
      read(offset, length) {
        const into = Buffer.allocUnsafe(Math.min(length, size - offset))
        return into.subarray(0, readSync(fd, into, 0, into.length, offset))
      },
    }
    const {model} = parseOnnx(source, path)
    closeSync(fd)
    const ms = performance.now() - start
    return {graph, large: {size, ms, operators: model.spec.operators.length, rss: process.memoryUsage().rss - before}}
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}
