/** An encoder layer as exporters of PyTorch write it, against our own transformer of the same sizes. */
import {expect, it} from 'vitest'
import {transformer} from '../../../src/analysis/architectures/transformer.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {parseOnnx} from '../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {bertLike, buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {type Bytes, constant, FLOAT, INT64, model, node, tensor, value} from './support/onnx.ts'

const sizes = {layers: 1, hidden: 64, heads: 4, kvHeads: 4, headDim: 16, ffn: 256, vocab: 100, positions: 32}
const {hidden, heads, headDim, ffn, vocab} = sizes

/** Splits the last axis into heads the way exporters do: the batch and sequence from the Shape of the tensor. */
const split = (x: string, y: string, perm: readonly number[]): Bytes[] => [
  node('Shape', x, `${y}.s`),
  node('Gather', `${y}.s i0`, `${y}.b`),
  node('Gather', `${y}.s i1`, `${y}.t`),
  node('Unsqueeze', `${y}.b axes0`, `${y}.b1`),
  node('Unsqueeze', `${y}.t axes0`, `${y}.t1`),
  node('Concat', `${y}.b1 ${y}.t1 heads size`, `${y}.shape`, {axis: 0}),
  node('Reshape', `${x} ${y}.shape`, `${y}.r`),
  node('Transpose', `${y}.r`, y, {perm}),
]

function exported(): Uint8Array {
  const initializers: Bytes[] = [tensor('axes0', [1], INT64, [0]), tensor('sqrt', [], FLOAT, [4])]
  const weight = (name: string, ...shape: number[]) => {
    initializers.push(tensor(name, shape))
    return name
  }
  const linear = (x: string, y: string, n: number, k: number) => [
    node('MatMul', `${x} ${weight(`${y}.w`, k, n)}`, `${y}.m`),
    node('Add', `${y}.m ${weight(`${y}.bias`, n)}`, y),
  ]
  const norm = (x: string, y: string) =>
    node('LayerNormalization', `${x} ${weight(`${y}.g`, hidden)} ${weight(`${y}.b`, hidden)}`, y)
  const nodes = [
    constant('i0', [0], []),
    constant('i1', [1], []),
    constant('heads', [heads]),
    constant('size', [headDim]),
    constant('hidden', [hidden]),
    node('Gather', `${weight('words', vocab, hidden)} ids`, 'words.rows'),
    // positions: the first tokens of the table, cut by the length of the input
    node('Shape', 'ids', 'ids.s'),
    node('Slice', 'ids.s one two axes0', 'ids.t'),
    node('Slice', `${weight('places', sizes.positions, hidden)} axes0 ids.t axes0`, 'places.rows'),
    node('Add', 'words.rows places.rows', 'e0'),
    norm('e0', 'e'),
    ...linear('e', 'q', hidden, hidden),
    ...linear('e', 'k', hidden, hidden),
    ...linear('e', 'v', hidden, hidden),
    ...split('q', 'qh', [0, 2, 1, 3]),
    ...split('k', 'kh', [0, 2, 3, 1]),
    ...split('v', 'vh', [0, 2, 1, 3]),
    node('MatMul', 'qh kh', 'scores'),
    node('Div', 'scores sqrt', 'scaled'),
    node('Softmax', 'scaled', 'p', {axis: -1}),
    node('MatMul', 'p vh', 'o'),
    node('Transpose', 'o', 'o2', {perm: [0, 2, 1, 3]}),
    node('Concat', 'qh.b1 qh.t1 hidden', 'join', {axis: 0}),
    node('Reshape', 'o2 join', 'o3'),
    ...linear('o3', 'out', hidden, hidden),
    node('Add', 'out e', 'r1'),
    norm('r1', 'n1'),
    ...linear('n1', 'up', ffn, hidden),
    node('Gelu', 'up', 'act'),
    ...linear('act', 'down', hidden, ffn),
    node('Add', 'down n1', 'r2'),
    norm('r2', 'n2'),
  ]
  initializers.push(tensor('one', [1], INT64, [1]), tensor('two', [1], INT64, [2]))
  return model({nodes, inputs: [value('ids', ['batch', 'seq'], INT64)], initializers}, 20)
}

const ours = {...models['bert-base'].spec, ...bertLike, ...sizes, tokenTypes: 0, pooler: false}

it.each([
  [1, 32],
  [3, 8],
])('batch %i, %i tokens: the products, the parameters and the work of our own layer', (batch, seq) => {
  const {model: read, warnings} = parseOnnx(bytesSource(exported()), 'layer.onnx', {dims: {seq}, batch})
  const graph = buildGraph(read, resolveWorkload(read, {}))
  validateGraph(graph)
  expect(warnings).toEqual([])
  expect(graph.unknown).toEqual([])
  const own = transformer(ours, {batch, seq, context: 0, logits: 'last', tp: 1})
  const sum = (of: typeof graph, what: 'macs' | 'flops') => of.nodes.reduce((n, one) => n + one.cost[what], 0)
  expect(sum(graph, 'macs')).toBe(sum(own, 'macs'))
  // the file divides every score by √d, which ours folds into the query projection
  expect(sum(graph, 'flops')).toBe(sum(own, 'flops') + batch * heads * seq * seq)
  // a table that is cut to the sequence is held whole, and read in part
  expect(parameterCount(graph).total).toBe(parameterCount(own).total)
  const positions = graph.nodes.find(({id}) => id === 'e0')!
  expect(positions.cost.reads[1]).toMatchObject({role: 'weight', elements: seq * hidden})
})

it('trains: the products of its gradients are those of our own layer', () => {
  const {model: read} = parseOnnx(bytesSource(exported()), 'layer.onnx', {dims: {seq: 8}, batch: 2})
  const step = (of: ModelDef) => {
    const work = resolveWorkload(of, {phase: 'train', fusion: 'none', ...(of === read ? {} : {batch: 2, seq: 8})})
    const graph = () => buildGraph(of, work)
    return stepOf(of, graph(), work as TrainingWork, 'none', graph)
  }
  const own = step({...models['bert-base'], spec: ours})
  const file = step(read)
  validateGraph(file.graph)
  expect(file.macs).toEqual(own.macs)
  expect(file.macs.step).toBe(3 * file.macs.forward)
  expect(file.trainable).toBe(own.trainable)
  // biases are operators of their own in the file: their gradients are sums over all tokens, apart from those of the data
  const bias = file.graph.nodes.find(({id}) => id === 'q.wgrad')!
  expect(bias.cost.flops).toBe((2 * 8 - 1) * hidden)
})
