import {describe, expect, it} from 'vitest'
import {parameterCount} from '../../../src/analysis/graph.ts'
import {parseOpCosts} from '../../../src/analysis/importers/onnx/costs.ts'
import {fixture, graphOf, over, problem, run} from './support/lowered.ts'
import {type Bytes, constant, FLOAT, INT64, node, tensor, value} from './support/onnx.ts'

describe('real files', () => {
  // torchvision's tables: shared validation data, operators of convolutions and products, 1 per multiply-accumulate
  it.each([
    ['resnet50', 4_089_184_256, 25_557_032],
    // torchvision squeezenet1_1: 0.349 GMAC, 1,235,496 parameters
    ['squeezenet', 349_151_936, 1_235_496],
  ])('%s has the published %i MACs and %i parameters', (name, macs, parameters) => {
    const {graph: built, macs: counted, warnings} = graphOf(fixture(name))
    expect(counted).toBe(macs)
    expect(parameterCount(built).total).toBe(parameters)
    expect(built.unknown).toEqual([])
    expect(warnings).toEqual([])
  })

  it('shufflenet lies at the published 137–140 MFLOP (multiply–adds) of ShuffleNet 1×, but for its groups', () => {
    const {graph: built, macs} = graphOf(fixture('shufflenet'))
    expect(macs / 1e6).toBeGreaterThan(115)
    expect(macs / 1e6).toBeLessThan(145)
    expect(built.unknown).toEqual([])
  })

  it.each(['resnet50', 'squeezenet', 'shufflenet'])('%s at another batch computes as many times as much', (name) => {
    const [one, eight] = [graphOf(fixture(name)), graphOf(fixture(name), {batch: 8})]
    expect(eight.macs).toBe(8 * one.macs)
    expect(eight.flops).toBe(8 * one.flops)
    expect(parameterCount(eight.graph).total).toBe(parameterCount(one.graph).total)
    expect(eight.imported.spec.batch).toBe(8)
  })
})

describe('operators', () => {
  const weights = (name: string, ...shape: number[]) => tensor(name, shape)

  it.each<[string, readonly number[], Bytes, readonly Bytes[], number, number]>([
    ['MatMul with weights', [2, 3, 4], node('MatMul', 'x w', 'y'), [weights('w', 4, 5)], 120, 240],
    ['MatMul of a vector', [4], node('MatMul', 'x w', 'y'), [weights('w', 4, 5)], 20, 40],
    ['MatMul with batched weights', [2, 1, 3, 4], node('MatMul', 'x w', 'y'), [weights('w', 7, 4, 5)], 840, 1680],
    [
      'Gemm with a bias',
      [3, 4],
      node('Gemm', 'x w b', 'y', {transB: 1}),
      [weights('w', 5, 4), weights('b', 5)],
      60,
      135,
    ],
    [
      'Gemm with a full matrix added',
      [3, 4],
      node('Gemm', 'x w b', 'y'),
      [weights('w', 4, 5), weights('b', 3, 5)],
      60,
      135,
    ],
    [
      'Einsum of two',
      [2, 3, 4],
      node('Einsum', 'x w', 'y', {equation: 'bij,bjk->bik'}),
      [weights('w', 2, 4, 5)],
      120,
      240,
    ],
    ['Einsum without an arrow', [3, 4], node('Einsum', 'x w', 'y', {equation: 'ij,jk'}), [weights('w', 4, 5)], 60, 120],
    [
      'Einsum with dots',
      [2, 3, 4],
      node('Einsum', 'x w', 'y', {equation: '...j,jk->...k'}),
      [weights('w', 4, 5)],
      120,
      240,
    ],
    // (2·3·5 with j) then (2·5·… ): ij,jk → ik 60 MACs, ik,kl → il 3·5·6 = 90
    [
      'Einsum of three',
      [3, 4],
      node('Einsum', 'x w v', 'y', {equation: 'ij,jk,kl->il'}),
      [weights('w', 4, 5), weights('v', 5, 6)],
      150,
      300,
    ],
    [
      'Conv padded',
      [1, 3, 8, 8],
      node('Conv', 'x w b', 'y', {pads: [1, 1, 1, 1]}),
      [weights('w', 4, 3, 3, 3), weights('b', 4)],
      6912,
      14_080,
    ],
    [
      'Conv strided, dilated, grouped',
      [2, 4, 9, 9],
      node('Conv', 'x w', 'y', {strides: [2, 2], dilations: [2, 2], group: 2}),
      [weights('w', 6, 2, 3, 3)],
      2 * 6 * 9 * 2 * 9,
      4 * 6 * 9 * 2 * 9,
    ],
    [
      'Conv of one axis, SAME',
      [1, 2, 7],
      node('Conv', 'x w', 'y', {auto_pad: 'SAME_UPPER', strides: [2]}),
      [weights('w', 3, 2, 3)],
      3 * 4 * 6,
      6 * 4 * 6,
    ],
    [
      'ConvTranspose',
      [1, 2, 3, 3],
      node('ConvTranspose', 'x w', 'y', {strides: [2, 2]}),
      [weights('w', 2, 5, 2, 2)],
      2 * 9 * 4 * 5,
      4 * 9 * 4 * 5,
    ],
    ['Relu', [2, 3], node('Relu', 'x', 'y'), [], 0, 6],
    ['Add with a row', [2, 3], node('Add', 'x w', 'y'), [weights('w', 3)], 0, 6],
    ['Softmax', [2, 3], node('Softmax', 'x', 'y'), [], 0, 30],
    ['LayerNormalization', [2, 3], node('LayerNormalization', 'x w b', 'y'), [weights('w', 3), weights('b', 3)], 0, 52],
    [
      'BatchNormalization',
      [2, 3, 4],
      node('BatchNormalization', 'x w b m v', 'y'),
      [weights('w', 3), weights('b', 3), weights('m', 3), weights('v', 3)],
      0,
      48,
    ],
    ['GlobalAveragePool', [1, 2, 3, 3], node('GlobalAveragePool', 'x', 'y'), [], 0, 20],
    [
      'MaxPool with ceil_mode',
      [1, 1, 6, 6],
      node('MaxPool', 'x', 'y', {kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1}),
      [],
      0,
      9 * 8,
    ],
    ['ReduceMean', [2, 3], node('ReduceMean', 'x', 'y', {axes: [1]}), [], 0, 8],
    ['Transpose', [2, 3], node('Transpose', 'x', 'y'), [], 0, 0],
    // 2 directions × (8·batch·seq·hidden·(input + hidden) + batch·seq·hidden·(15 + 8))
    [
      'LSTM, both ways',
      [5, 2, 3],
      node('LSTM', 'x w r b', 'y', {hidden_size: 4, direction: 'bidirectional'}),
      [weights('w', 2, 16, 3), weights('r', 2, 16, 4), weights('b', 2, 32)],
      2 * 4 * 2 * 5 * 4 * 7,
      2 * (8 * 2 * 5 * 4 * 7 + 2 * 5 * 4 * 23),
    ],
    ['MatMulInteger', [3, 4], node('MatMulInteger', 'x w', 'y'), [tensor('w', [4, 5], 3)], 60, 120],
  ])('%s', (_, shape, one, initializers, macs, flops) => {
    const result = over(shape, [one], {initializers})
    expect({macs: result.macs, flops: result.flops, unknown: result.graph.unknown}).toEqual({macs, flops, unknown: []})
  })

  it('reads integers of a product in 8 bits, and computes in them', () => {
    const {graph: built} = over([3, 4], [node('MatMulInteger', 'x w', 'y')], {initializers: [tensor('w', [4, 5], 3)]})
    expect(built.nodes[0]).toMatchObject({kind: 'linear', computes: 'int8'})
    expect(built.nodes[0]!.cost.reads[1]).toMatchObject({role: 'weight', dtype: 'int8', elements: 20})
  })

  it('keeps weights in their narrow type behind DequantizeLinear', () => {
    const {graph: built, flops} = over([3, 4], [node('DequantizeLinear', 'q s', 'w'), node('MatMul', 'x w', 'y')], {
      initializers: [tensor('q', [4, 5], 3), tensor('s', [], FLOAT, [0.1])],
    })
    expect(flops).toBe(120)
    expect(built.nodes[0]!.cost.reads[1]).toMatchObject({dtype: 'int8', elements: 20})
  })

  it('gathers rows of a table once each', () => {
    const {graph: built} = run({
      nodes: [node('Gather', 'w ids', 'y')],
      inputs: [value('ids', [2, 5], INT64)],
      initializers: [tensor('w', [100, 8])],
    })
    expect(built.nodes[0]).toMatchObject({kind: 'embedding', dims: {rows: 10, width: 8, vocab: 100}})
  })

  it('moves nothing for views, and every element otherwise', () => {
    const {graph: built} = over(
      [2, 3, 1, 4],
      [
        constant('s', [0, -1]),
        node('Reshape', 'x s', 'a'),
        node('Unsqueeze', 'a ax', 'b'),
        node('Identity', 'b', 'c'),
        // the axis of size 1 moves: nothing else does
        node('Transpose', 'x', 'd', {perm: [0, 2, 1, 3]}),
        node('Concat', 'a a', 'e', {axis: 1}),
      ],
      {initializers: [tensor('ax', [1], INT64, [0])]},
    )
    expect(built.nodes.map(({kind, dims}) => [kind, dims])).toEqual([['move', {read: 48, written: 48}]])
  })

  it('counts a weight that two products share once', () => {
    const {graph: built} = over(
      [3, 4],
      [node('Transpose', 'w', 't'), node('MatMul', 'x w', 'a'), node('MatMul', 'a t', 'b')],
      {
        initializers: [weights('w', 4, 5)],
      },
    )
    expect(parameterCount(built).total).toBe(20)
  })
})
describe('what is not known', () => {
  it('is listed with its count, never silently zero', () => {
    const {graph: built} = over(
      [2, 4],
      [node('Frob', 'x', 'a', {}, 'acme'), node('Frob', 'a', 'b', {}, 'acme'), node('Relu', 'b', 'c')],
    )
    expect(built.unknown).toEqual([
      {op: 'acme.Frob', count: 2},
      {op: 'Relu of unknown shape', count: 1},
    ])
  })

  it('is costed as the user says, per element of its result', () => {
    const nodes = [node('Frob', 'x', 'a', {}, 'acme'), node('Mix', 'a w', 'b', {}, 'acme')]
    const more = {initializers: [tensor('w', [4, 5])], values: [value('b', [2, 5])]}
    const costs = parseOpCosts('{"acme.Frob": {"flops": 3}, "acme.Mix": {"macs": 4, "flops": 1}}', 'costs.json')
    const {graph: built, macs, flops} = over([2, 4], nodes, more, {costs})
    expect(built.unknown).toEqual([])
    expect([macs, flops]).toEqual([10 * 4, 8 * 3 + 10 * (2 * 4 + 1)])
  })

  it.each([
    ['{', /not JSON/],
    ['[]', /no object of operators/],
    ['{"a": 3}', /"a" is no object/],
    ['{"a": {"flop": 3}}', /unknown field "flop"/],
    ['{"a": {"flops": -1}}', /flops of "a" is no whole number/],
  ])('a cost %s is refused', (text, message) => {
    expect(() => parseOpCosts(text, 'costs.json')).toThrow(message)
  })

  it('is costed where the file declares the shape behind it', () => {
    const {graph: built, flops} = over([2, 4], [node('Frob', 'x', 'a', {}, 'acme'), node('Relu', 'a', 'c')], {
      values: [value('a', [2, 4])],
    })
    expect(built.unknown).toEqual([{op: 'acme.Frob', count: 1}])
    expect(flops).toBe(8)
  })

  it('is a shape that depends on data', () => {
    const inputs = [value('x', [2, 4]), value('s', [2], INT64)]
    const {graph: built} = run({nodes: [node('Reshape', 'x s', 'i'), node('Transpose', 'i', 'y')], inputs, outputs: []})
    expect(built.unknown!.map(({op}) => op)).toContain('Transpose of unknown shape')
  })
})

describe('named dimensions', () => {
  const nodes = [node('MatMul', 'x w', 'y')]
  const more = {initializers: [tensor('w', [4, 5])]}

  it('take the sizes given, the leading one the batch', () => {
    expect(over(['batch', 'seq', 4], nodes, more, {dims: {seq: 7}}).macs).toBe(140)
    expect(over(['batch', 'seq', 4], nodes, more, {dims: {seq: 7}, batch: 3}).macs).toBe(420)
    expect(over(['batch', 'seq', 4], nodes, more, {dims: {seq: 7, batch: 2}}).imported.spec.batch).toBe(2)
  })

  it('without a size are asked for by name', () => {
    const error = problem(() => over(['batch', 'seq', 4], nodes, more))
    expect(error).toMatchObject({code: 'bad-dimension', suggestions: ['give it, for example --dim seq=128']})
    expect(problem(() => over(['batch', 4], nodes, more, {dims: {sec: 7}})).message).toMatch(/no dimension named "sec"/)
    expect(problem(() => over(['batch', 4], nodes, more, {dims: {batch: 0}})).code).toBe('bad-flag')
  })
})
