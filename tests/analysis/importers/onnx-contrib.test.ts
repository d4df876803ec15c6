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

const UINT8 = 2
const contrib = (op: string, inputs: string, outputs: string, attributes: Parameters<typeof node>[3] = {}) =>
  node(op, inputs, outputs, attributes, 'com.microsoft')

function run(parts: GraphParts, opset = 17) {
  const {model: imported, warnings} = parseOnnx(bytesSource(model(parts, opset)), 'test.onnx')
  const graph = buildGraph(imported, resolveWorkload(imported, {}))
  validateGraph(graph)
  const sum = (of: 'macs' | 'flops') => graph.nodes.reduce((n, one) => n + one.cost[of] * one.repeat, 0)
  return {graph, warnings, macs: sum('macs'), flops: sum('flops')}
}

type Case = readonly [
  name: string,
  x: readonly number[],
  nodes: Bytes | readonly Bytes[],
  initializers: readonly Bytes[],
  macs: number,
  flops: number,
  opset?: number,
  inputs?: readonly Bytes[],
]

const w = tensor
const isOne = (nodes: Bytes | readonly Bytes[]): nodes is Bytes => typeof nodes[0] === 'number'

const groups = [value('past_k', [1, 2, 6, 4]), value('past_v', [1, 2, 6, 4])]
const kv = [value('k', [1, 4, 8]), value('v', [1, 4, 8])]

const cases: Case[] = [
  // 6 rows of 64 by 10; each weight is scaled, with zero points moved too
  [
    'MatMulNBits',
    [2, 3, 64],
    contrib('MatMulNBits', 'x q s', 'y', {K: 64, N: 10, bits: 4, block_size: 32}),
    [w('q', [10, 2, 16], UINT8), w('s', [20])],
    3840,
    7680 + 640,
  ],
  [
    'MatMulNBits with zero points',
    [2, 3, 64],
    contrib('MatMulNBits', 'x q s z', 'y', {K: 64, N: 10, bits: 4, block_size: 32}),
    [w('q', [10, 2, 16], UINT8), w('s', [20]), w('z', [10], UINT8)],
    3840,
    7680 + 2 * 640,
  ],
  // a table of 30 rows of 16 values in 4 bits: 7 rows are widened
  [
    'GatherBlockQuantized',
    [7],
    contrib('GatherBlockQuantized', 'q x s', 'y', {bits: 4, block_size: 16, quantize_axis: 1}),
    [w('q', [30, 8], UINT8), w('s', [30, 1])],
    0,
    7 * 16,
  ],
  // 2·3 heads of 4 channels, 25 pairs: 2 products, 5 per score
  ['MultiHeadAttention', [2, 5, 12], contrib('MultiHeadAttention', 'x x x', 'y', {num_heads: 3}), [], 1200, 2400 + 750],
  [
    'MultiHeadAttention with a bias',
    [2, 5, 12],
    contrib('MultiHeadAttention', 'x x x b', 'y', {num_heads: 3}),
    [w('b', [36])],
    1200,
    2400 + 750 + 3 * 120,
  ],
  [
    'MultiHeadAttention across sequences',
    [2, 5, 12],
    contrib('MultiHeadAttention', 'x k k', 'y', {num_heads: 3}),
    [],
    1680,
    3360 + 5 * 210,
    17,
    [value('k', [2, 7, 12])],
  ],
  [
    'MultiHeadAttention, all three packed',
    [2, 5, 3, 3, 4],
    contrib('MultiHeadAttention', 'x', 'y', {num_heads: 3}),
    [],
    1200,
    3150,
  ],
  // the product to queries, keys and values: 10 rows, 12 to 36
  [
    'com.microsoft.Attention',
    [2, 5, 12],
    contrib('Attention', 'x w b', 'y', {num_heads: 3}),
    [w('w', [12, 36]), w('b', [36])],
    4320 + 1200,
    8640 + 360 + 3150,
  ],
  // 15 of 25 pairs
  [
    'com.microsoft.Attention with a causal mask',
    [2, 5, 12],
    contrib('Attention', 'x w b', 'y', {num_heads: 3, unidirectional: 1}),
    [w('w', [12, 36]), w('b', [36])],
    4320 + 720,
    8640 + 360 + 1440 + 450,
  ],
  [
    'QAttention',
    [2, 5, 12],
    [node('DynamicQuantizeLinear', 'x', 'q sx zx'), contrib('QAttention', 'q w b sx sw', 'y', {num_heads: 3})],
    [w('w', [12, 36], UINT8), w('b', [36]), w('sw', [1])],
    5520,
    // range 2·120 + 3, quantize 5·120; both scales 2·360
    240 + 3 + 600 + 8640 + 360 + 720 + 3150,
  ],
  // 4 new tokens behind 6: 34 pairs of 4 heads of 4
  [
    'GroupQueryAttention',
    [1, 4, 16],
    contrib('GroupQueryAttention', 'x k v past_k past_v', 'y pk pv', {num_heads: 4, kv_num_heads: 2}),
    [],
    1088,
    2176 + 680,
    17,
    [...kv, ...groups],
  ],
  // rotation: 3 per channel of 6 heads
  [
    'GroupQueryAttention with rotary positions',
    [1, 4, 16],
    contrib('GroupQueryAttention', 'x k v past_k past_v _ _ c s', 'y pk pv', {
      num_heads: 4,
      kv_num_heads: 2,
      do_rotary: 1,
    }),
    [w('c', [32, 2]), w('s', [32, 2])],
    1088,
    2856 + 288,
    17,
    [...kv, ...groups],
  ],
  // each token sees 3: itself and two before it
  [
    'GroupQueryAttention with a window, all three packed',
    [1, 4, 32],
    contrib('GroupQueryAttention', 'x _ _ past_k past_v', 'y pk pv', {
      num_heads: 4,
      kv_num_heads: 2,
      local_window_size: 3,
    }),
    [],
    384,
    768 + 240,
    17,
    groups,
  ],
  // a mask adds 1 per score, a cap takes 3
  [
    'Attention with mask and cap',
    [1, 2, 5, 4],
    node('Attention', 'x x x m', 'y', {softcap: {float: 50}}),
    [w('m', [5, 5])],
    400,
    800 + 50 * (5 + 1 + 3),
    23,
  ],
  // 2 words, places, kinds: two sums, then 7 per value and 5 per row
  [
    'EmbedLayerNormalization',
    [2, 4],
    contrib('EmbedLayerNormalization', 'x t a b c g h', 'y m'),
    [w('a', [10, 8]), w('b', [16, 8]), w('c', [2, 8]), w('g', [8]), w('h', [8])],
    0,
    128 + 448 + 40,
    17,
    [value('t', [2, 4], INT64)],
  ],
  [
    'FusedConv with an activation',
    [1, 3, 8, 8],
    contrib('FusedConv', 'x w', 'y', {pads: [1, 1, 1, 1], activation: 'Relu'}),
    [w('w', [4, 3, 3, 3])],
    6912,
    13_824 + 256,
  ],
  [
    'FusedGemm with an activation',
    [3, 4],
    contrib('FusedGemm', 'x w', 'y', {activation: 'LeakyRelu'}),
    [w('w', [4, 5])],
    60,
    120 + 30,
  ],
  // every result: scale, round, zero point, two limits
  [
    'QLinearConv',
    [1, 3, 8, 8],
    node('QLinearConv', 'x s z w s z s z', 'y', {pads: [1, 1, 1, 1]}),
    [w('w', [4, 3, 3, 3], UINT8), w('s', []), w('z', [], UINT8)],
    6912,
    13_824 + 5 * 256,
  ],
  // 64 positions, 3 channels, 9 taps between four neighbours each
  [
    'DeformConv',
    [1, 3, 8, 8],
    node('DeformConv', 'x w o', 'y', {pads: [1, 1, 1, 1]}),
    [w('w', [4, 3, 3, 3]), w('o', [1, 18, 8, 8])],
    6912,
    13_824 + 9 * 64 * 27,
    19,
  ],
  [
    'QLinearAdd',
    [2, 8],
    contrib('QLinearAdd', 'x s z b s z s z', 'y'),
    [w('b', [8], UINT8), w('s', []), w('z', [], UINT8)],
    0,
    16 * 10,
  ],
  [
    'DynamicQuantizeMatMul',
    [3, 4],
    contrib('DynamicQuantizeMatMul', 'x w s', 'y'),
    [w('w', [4, 5], UINT8), w('s', [1])],
    60,
    24 + 3 + 60 + 120 + 2 * 15,
  ],
  // 12 rows through 2 of 4 experts: choice 5·24 + 6·4·2, two products, 16 channels of ReLU, sum of two
  [
    'MoE',
    [6, 8],
    contrib('MoE', 'x r a _ b', 'y', {k: 2}),
    [w('a', [4, 16, 8]), w('b', [4, 8, 16])],
    3072,
    6144 + 120 + 48 + 192 + 144,
    17,
    [value('r', [6, 4])],
  ],
  // the same in 4 bits: 4 experts' weights widened
  [
    'QMoE',
    [6, 8],
    contrib('QMoE', 'x r a s _ b t', 'y', {k: 2, expert_weight_bits: 4}),
    [w('a', [4, 16, 4], UINT8), w('s', [4, 16]), w('b', [4, 8, 8], UINT8), w('t', [4, 8])],
    3072,
    6648 + 1024,
    17,
    [value('r', [6, 4])],
  ],
  // 4 of 8 channels of 2 heads and 5 tokens turn
  [
    'RotaryEmbedding of a part',
    [1, 2, 5, 8],
    contrib('RotaryEmbedding', 'x p c s', 'y', {rotary_embedding_dim: 4, num_heads: 2}),
    [w('p', [1, 5], INT64), w('c', [8, 2]), w('s', [8, 2])],
    0,
    3 * 40,
  ],
  // 5·8·3 for 8 complex points, half of it for real ones
  ['DFT', [1, 8, 1], node('DFT', 'x', 'y', {axis: 1}), [], 0, 60],
  ['DFT of complex numbers', [3, 8, 2], node('DFT', 'x _ a', 'y'), [w('a', [], INT64, [1])], 0, 360, 20],
  // 4 frames of 8 in 20 samples, 4 apart
  [
    'STFT',
    [1, 20, 1],
    node('STFT', 'x step _ length', 'y'),
    [w('step', [], INT64, [4]), w('length', [], INT64, [8])],
    0,
    4 * 60,
  ],
  ['RandomNormalLike', [3, 4], node('RandomNormalLike', 'x', 'y'), [], 0, 6 * 12],
  // two coordinates of 20 points of 2 images: 4 each
  ['AffineGrid', [2, 2, 3], node('AffineGrid', 'x s', 'y'), [w('s', [4], INT64, [2, 3, 4, 5])], 0, 320, 20],
  ['BitShift', [4], node('BitwiseNot', 'x', 'y'), [], 0, 0, 18],
  // 4 per score and 3 per row, then their mean
  [
    'SoftmaxCrossEntropyLoss',
    [3, 10],
    node('SoftmaxCrossEntropyLoss', 'x l', 'y'),
    [w('l', [3], INT64)],
    0,
    4 * 30 + 3 * 3 + 3 + 1,
  ],
  [
    'NegativeLogLikelihoodLoss, not folded',
    [3, 10],
    node('NegativeLogLikelihoodLoss', 'x l', 'y', {reduction: 'none'}),
    [w('l', [3], INT64)],
    0,
    0,
  ],
  [
    'GroupNorm with channels last',
    [2, 3, 3, 8],
    contrib('GroupNorm', 'x g b', 'y', {groups: 4, activation: 1}),
    [w('g', [8]), w('b', [8])],
    0,
    // 7 per value and 5 per group, then a SiLU of 3
    7 * 144 + 5 * 8 + 3 * 144,
  ],
]

for (const [name, shape, nodes, initializers, macs, flops, opset = 17, inputs = []] of cases)
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
