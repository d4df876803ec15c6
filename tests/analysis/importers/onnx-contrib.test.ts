/** Operators of com.microsoft and the rarer ones of ai.onnx: arithmetic by hand. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {transformer} from '../../../src/analysis/architectures/transformer.ts'
import {findMachine} from '../../../src/analysis/catalog.ts'
import {bytesOf} from '../../../src/analysis/dtype.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {parseOnnx} from '../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {buildGraph, llamaLike} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {type Bytes, FLOAT, type GraphParts, INT64, model, node, tensor, value} from './support/onnx.ts'
import {contrib, contribCases, UINT8} from './support/onnx-contrib.ts'

function run(parts: GraphParts, opset = 17) {
  const {model: imported, warnings} = parseOnnx(bytesSource(model(parts, opset)), 'test.onnx')
  const graph = buildGraph(imported, resolveWorkload(imported, {}))
  validateGraph(graph)
  const sum = (of: 'macs' | 'flops') => graph.nodes.reduce((n, one) => n + one.cost[of] * one.repeat, 0)
  return {graph, warnings, macs: sum('macs'), flops: sum('flops')}
}

const w = tensor
const isOne = (nodes: Bytes | readonly Bytes[]): nodes is Bytes => typeof nodes[0] === 'number'

for (const [name, shape, nodes, initializers, macs, flops, opset = 17, inputs = []] of contribCases)
  it(name, () => {
    const integers = ['GatherBlockQuantized', 'EmbedLayerNormalization', 'BitShift'].includes(name)
    const x = value('x', shape, integers ? INT64 : FLOAT)
    const result = run(
      {nodes: isOne(nodes) ? [nodes] : nodes, inputs: [x, ...inputs], outputs: [], initializers},
      opset,
    )
    expect(result.graph.unknown).toEqual([])
    expect({macs: result.macs, flops: result.flops}).toEqual({macs, flops})
  })

it('self-attention over one tensor trains: its gradients meet behind the fused attention', () => {
  const nodes = [
    node('MatMul', 'x w', 'h'),
    contrib('MultiHeadAttention', 'h h h', 'a', {num_heads: 3}),
    node('Relu', 'a', 'y'),
  ]
  const parts = {nodes, inputs: [value('x', [2, 5, 12])], outputs: [], initializers: [w('w', [12, 12])]}
  const {model: imported} = parseOnnx(bytesSource(model(parts)), 'test.onnx')
  for (const fusion of ['none', 'attention', 'all'] as const) {
    const {result} = analyzeModel(imported, findMachine('h100-sxm'), {phase: 'train', fusion})
    // twice forward's behind it, but for the gradient of the input, which nobody asks for
    expect(result.totals.macs).toBe(3 * 1200 + 2 * 1440)
  }
})

describe('sequences', () => {
  const over = (nodes: readonly Bytes[]) =>
    run({
      nodes: [...nodes, node('Relu', 'y', 'r')],
      inputs: [value('x', [6, 4])],
      outputs: [],
      initializers: [w('one', [], INT64, [1]), w('two', [], INT64, [2]), w('last', [], INT64, [-1])],
    })

  it.each<[string, readonly Bytes[], number]>([
    [
      'split, taken and joined: 2 + 2 rows of 4',
      [
        node('SplitToSequence', 'x two', 's'),
        node('SequenceAt', 's one', 'a'),
        node('SequenceAt', 's last', 'b'),
        node('SequenceConstruct', 'a b', 't'),
        node('ConcatFromSequence', 't', 'y', {axis: 0}),
      ],
      16,
    ],
    [
      'one by one, stacked along a new axis',
      [
        node('SplitToSequence', 'x', 's', {keepdims: 0}),
        node('SequenceErase', 's', 't'),
        node('SequenceInsert', 't x0', 'u'),
        node('ConcatFromSequence', 'u', 'y', {axis: -1, new_axis: 1}),
      ].toSpliced(2, 0, node('SequenceAt', 's one', 'x0')),
      24,
    ],
    [
      'their number is known',
      [
        node('SplitToSequence', 'x two', 's'),
        node('SequenceLength', 's', 'n'),
        node('Unsqueeze', 'n axes', 'n1'),
        node('Concat', 'n1 n1', 'shape', {axis: 0}),
        node('ConstantOfShape', 'shape', 'c'),
        node('RandomNormalLike', 'c', 'y'),
      ].toSpliced(2, 0, node('Constant', '', 'axes', {value_ints: [0]})),
      9,
    ],
  ])('%s', (_, nodes, elements) => {
    const {graph} = over(nodes)
    expect(graph.unknown).toEqual([])
    expect(graph.nodes.at(-1)!.cost.writes[0]!.elements).toBe(elements)
  })

  it.each<[string, readonly Bytes[], RegExp]>([
    ['an item that is not there', [node('SequenceEmpty', '', 's'), node('SequenceAt', 's one', 'y')], /axis 1/],
    [
      'more parts than any',
      [node('ConstantOfShape', 'n', 'c'), node('SplitToSequence', 'c', 'y')].toSpliced(
        0,
        0,
        node('Constant', '', 'n', {value_ints: [100_000]}),
      ),
      /splits into 100000 parts; at most 4096/,
    ],
  ])('%s is refused', (_, nodes, message) => {
    expect(() => over(nodes)).toThrow(message)
  })
})

describe('weights of a few bits', () => {
  const bits = (attributes: Record<string, number>, shape: readonly number[]) =>
    run({
      nodes: [contrib('MatMulNBits', 'x q s z', 'y', {K: 64, N: 10, block_size: 32, ...attributes})],
      inputs: [value('x', [1, 64])],
      outputs: [],
      initializers: [w('q', shape, UINT8), w('s', [20]), w('z', [10], UINT8)],
    })
  const weights = ({graph}: ReturnType<typeof run>) =>
    graph.tensors.filter(({role}) => role === 'weight').map(({elements, dtype}) => bytesOf(elements, dtype ?? 'f32'))

  it('have their bytes, those of their scales and zero points', () => {
    const four = bits({bits: 4}, [10, 2, 16])
    expect(weights(four)).toEqual([320, 80, 10])
    expect(parameterCount(four.graph).total).toBe(640 + 20 + 10)
    expect(weights(bits({bits: 8}, [10, 2, 32]))).toEqual([640, 80, 10])
  })

  it('of 2 bits keep the bytes of the file, and this is said', () => {
    const two = bits({bits: 2}, [10, 2, 8])
    expect(weights(two)).toEqual([160, 80, 10])
    expect(two.warnings.map(({code}) => code)).toEqual(['packed-weights'])
  })

  it('that an embedding and the head share are one memory', () => {
    const {graph} = run({
      nodes: [
        contrib('GatherBlockQuantized', 'q x s', 'rows', {bits: 4, block_size: 16, quantize_axis: 1}),
        contrib('MatMulNBits', 'rows q s', 'y', {K: 16, N: 30, bits: 4, block_size: 16}),
      ],
      inputs: [value('x', [7], INT64)],
      outputs: [],
      initializers: [w('q', [30, 8], UINT8), w('s', [30])],
    })
    expect(parameterCount(graph).total).toBe(30 * 16 + 30)
  })
})

describe('results whose length depends on data', () => {
  const result = (nodes: Bytes, initializers: readonly Bytes[], inputs: readonly Bytes[]) =>
    run({nodes: [nodes, node('Shape', 'y', 's'), node('Relu', 'y', 'r')], inputs, outputs: [], initializers}, 18)

  it.each<[string, Bytes, readonly Bytes[], readonly Bytes[], number]>([
    [
      'NonMaxSuppression',
      node('NonMaxSuppression', 'b s n', 'y'),
      [w('n', [], INT64, [3])],
      [value('b', [1, 10, 4]), value('s', [1, 2, 10])],
      6 * 3,
    ],
    ['NonZero', node('NonZero', 'b', 'y'), [], [value('b', [2, 5])], 20],
    ['Compress', node('Compress', 'b c', 'y', {axis: 1}), [], [value('b', [2, 5]), value('c', [5], 9)], 10],
    ['Unique', node('Unique', 'b', 'y'), [], [value('b', [2, 5])], 10],
  ])('%s: the most is counted, and said', (_, one, initializers, inputs, elements) => {
    const {graph, warnings} = result(one, initializers, inputs)
    expect(warnings.map(({code}) => code)).toEqual(['data-dependent'])
    expect(graph.unknown).toEqual([])
    expect(graph.nodes.at(-1)!.cost.writes[0]!.elements).toBe(elements)
  })
})

it('a decoder layer of these operators is our layer', () => {
  const spec = {
    ...llamaLike,
    layers: 1,
    hidden: 16,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    ffn: 24,
    vocab: 50,
    positions: 64,
  }
  const {hidden, heads, kvHeads, headDim, ffn, vocab} = spec
  const wide = (heads + 2 * kvHeads) * headDim
  const nodes = [
    node('Gather', 'words ids', 'e'),
    node('SimplifiedLayerNormalization', 'e g0', 'n0'),
    node('MatMul', 'n0 wqkv', 'qkv'),
    contrib('GroupQueryAttention', 'qkv _ _ past_k past_v _ _ c s', 'o pk pv', {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: 1,
    }),
    node('MatMul', 'o wo', 'a'),
    contrib('SkipSimplifiedLayerNormalization', 'e a g1', 'n1 _ _ r'),
    node('MatMul', 'n1 wg', 'gate'),
    node('MatMul', 'n1 wu', 'up'),
    node('Sigmoid', 'gate', 'sg'),
    node('Mul', 'gate sg', 'silu'),
    node('Mul', 'silu up', 'act'),
    node('MatMul', 'act wd', 'd'),
    contrib('SkipSimplifiedLayerNormalization', 'r d g2', 'n2'),
    node('MatMul', 'n2 head', 'logits'),
  ]
  const initializers = [
    w('words', [vocab, hidden]),
    w('wqkv', [hidden, wide]),
    w('wo', [heads * headDim, hidden]),
    w('wg', [hidden, ffn]),
    w('wu', [hidden, ffn]),
    w('wd', [ffn, hidden]),
    w('head', [hidden, vocab]),
    ...['g0', 'g1', 'g2'].map((name) => w(name, [hidden])),
    w('c', [64, 2]),
    w('s', [64, 2]),
  ]
  const inputs = [value('ids', [1, 4], INT64), value('past_k', [1, 2, 6, 4]), value('past_v', [1, 2, 6, 4])]
  const exported = run({nodes, inputs, outputs: [], initializers})
  const ours = transformer(spec, {batch: 1, seq: 4, context: 6, logits: 'all', tp: 1})
  const sum = (of: 'macs' | 'flops') => ours.nodes.reduce((n, {cost}) => n + cost[of], 0)
  // Sigmoid, Mul, Mul take 5 per channel (exp, add, reciprocal, two products) where SwiGLU takes 4
  expect({macs: exported.macs, flops: exported.flops}).toEqual({macs: sum('macs'), flops: sum('flops') + 4 * ffn})
  // cosines and sines are in the file there
  expect(parameterCount(exported.graph).total).toBe(parameterCount(ours).total + 128)
})
