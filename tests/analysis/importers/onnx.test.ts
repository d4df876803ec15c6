/** ONNX: real files against published figures; one operator at a time against arithmetic by hand. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {parseOpCosts} from '../../../src/analysis/importers/onnx/costs.ts'
import {type OnnxOptions, parseOnnx} from '../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {buildGraph} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {
  type Bytes,
  constant,
  FLOAT,
  type FunctionParts,
  type GraphParts,
  graph,
  INT64,
  model,
  node,
  tensor,
  value,
} from './support/onnx.ts'

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/onnx/light_${name}.onnx`, import.meta.url))

function graphOf(file: Uint8Array, options: OnnxOptions = {}) {
  const {model: imported, warnings} = parseOnnx(bytesSource(file), 'test.onnx', options)
  const built = buildGraph(imported, resolveWorkload(imported, {}))
  validateGraph(built)
  const sum = (of: 'macs' | 'flops') => built.nodes.reduce((n, one) => n + one.cost[of] * one.repeat, 0)
  return {imported, warnings, graph: built, macs: sum('macs'), flops: sum('flops'), ids: built.nodes.map(({id}) => id)}
}

const run = (parts: GraphParts, opset = 17, functions: readonly FunctionParts[] = [], options: OnnxOptions = {}) =>
  graphOf(model(parts, opset, functions), options)

/** A model of one input `x` and the nodes given. */
const over = (
  shape: readonly (number | string)[],
  nodes: readonly Bytes[],
  more: Partial<GraphParts> = {},
  options: OnnxOptions = {},
  opset = 17,
) => run({nodes, inputs: [value('x', shape)], outputs: [], ...more}, opset, [], options)

function problem(make: () => unknown): {code: string; message: string; suggestions: readonly string[]} {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(AnalysisError)
    return error as AnalysisError
  }
  throw new Error('nothing was thrown')
}

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

describe('shape arithmetic', () => {
  it('follows Shape, Gather, Slice, Concat, Mul, Div, Cast and Where into a Reshape', () => {
    const nodes = [
      node('Shape', 'x', 's'),
      constant('zero', [0], []),
      constant('two', [2], []),
      node('Gather', 's zero', 'b'),
      node('Gather', 's two', 'h'),
      constant('four', [4], []),
      node('Div', 'h four', 'd'),
      node('Mul', 'b four', 'm'),
      node('Unsqueeze', 'm axes', 'm1'),
      node('Unsqueeze', 'd axes', 'd1'),
      node('Concat', 'm1 minus d1', 'shape', {axis: 0}),
      node('Reshape', 'x shape', 'y'),
      node('MatMul', 'y w', 'z'),
    ]
    // x [2, 6, 8] → [2·4, −1, 8/4] = [8, 6, 2]; 8·6·2·5 MACs
    const {macs, graph: built} = over(
      ['batch', 6, 8],
      nodes,
      {
        initializers: [tensor('axes', [1], INT64, [0]), tensor('minus', [1], INT64, [-1]), tensor('w', [2, 5])],
      },
      {dims: {batch: 2}},
    )
    expect(macs).toBe(480)
    expect(built.unknown).toEqual([])
  })

  it.each<[string, Bytes[], number]>([
    [
      'Range',
      [
        constant('a', [0], []),
        constant('b', [10], []),
        constant('c', [3], []),
        node('Range', 'a b c', 'r'),
        node('Shape', 'r', 's'),
      ],
      4,
    ],
    [
      'ConstantOfShape and Where',
      [
        constant('n', [1]),
        node('ConstantOfShape', 'n', 'c', {value: {tensor: tensor('', [1], INT64, [1])}}),
        constant('k', [5]),
        constant('one', [1]),
        node('Equal', 'c one', 'e'),
        node('Where', 'e k one', 's'),
      ],
      5,
    ],
    [
      'Not and Cast',
      [
        constant('zero', [0]),
        node('Not', 'zero', 'n'),
        node('Cast', 'n', 'c', {to: 7}),
        constant('six', [6]),
        node('Mul', 'c six', 's'),
      ],
      6,
    ],
    [
      'Mod and Sub',
      [
        constant('a', [17]),
        constant('b', [7]),
        node('Mod', 'a b', 'm'),
        constant('one', [1]),
        node('Sub', 'm one', 's'),
      ],
      2,
    ],
    [
      'Split and Squeeze',
      [
        constant('a', [3, 9]),
        node('Split', 'a', 'p q', {axis: 0}),
        node('Squeeze', 'q', 'u'),
        node('Unsqueeze', 'u axes', 's'),
      ],
      9,
    ],
    [
      'Slice backwards',
      [
        constant('a', [1, 2, 3, 4]),
        constant('st', [-1]),
        constant('en', [-3]),
        constant('ax', [0]),
        constant('by', [-1]),
        node('Slice', 'a st en ax by', 'l'),
        constant('one', [1], []),
        node('Gather', 'l one', 'g'),
        node('Unsqueeze', 'g axes', 's'),
      ],
      3,
    ],
    [
      'ScatterND',
      [
        constant('a', [1, 1]),
        constant('i', [1], [1, 1]),
        constant('u', [8]),
        node('ScatterND', 'a i u', 'sc'),
        constant('one', [1], []),
        node('Gather', 'sc one', 'g'),
        node('Unsqueeze', 'g axes', 's'),
      ],
      8,
    ],
    ['Expand', [constant('a', [7]), constant('to', [1]), node('Expand', 'a to', 's')], 7],
  ])('%s', (_, nodes, size) => {
    const all = [
      ...nodes,
      node('ConstantOfShape', 's', 'w', {value: {tensor: tensor('', [1], FLOAT, [0])}}),
      node('Add', 'x w', 'y'),
    ]
    const {flops} = over([3, 1], all, {initializers: [tensor('axes', [1], INT64, [0])]})
    // x [3, 1] + w [size]
    expect(flops).toBe(3 * size)
  })

  it('takes the branch of an If whose condition is known, and says when it is not', () => {
    const branch = (size: number) =>
      graph({
        nodes: [node('MatMul', 'x w', 'o')],
        outputs: [value('o', [2, size])],
        initializers: [tensor('w', [4, size])],
      })
    const choice = {then_branch: {graph: branch(5)}, else_branch: {graph: branch(50)}}
    const known = over([2, 4], [constant('c', [1], []), node('If', 'c', 'y', choice)])
    expect([known.macs, known.warnings]).toEqual([40, []])
    const open = run({nodes: [node('If', 'c', 'y', choice)], inputs: [value('x', [2, 4]), value('c', [], 9)]})
    expect(open.macs).toBe(400)
    expect(open.warnings.map(({code}) => code)).toEqual(['branch-unknown'])
  })

  it('repeats the body of a Loop and of a Scan', () => {
    const body = graph({
      nodes: [node('MatMul', 'h w', 'h2'), node('Identity', 'cond', 'cond2')],
      inputs: [value('i', [], INT64), value('cond', [], 9), value('h', [2, 4])],
      outputs: [value('cond2', [], 9), value('h2', [2, 4])],
      initializers: [tensor('w', [4, 4])],
    })
    const loop = over([2, 4], [constant('n', [6], []), node('Loop', 'n _ x', 'y', {body: {graph: body}})])
    expect([loop.macs, parameterCount(loop.graph).total]).toEqual([6 * 32, 16])
    const step = graph({
      nodes: [node('Add', 'h s', 'h2')],
      inputs: [value('h', [4]), value('s', [4])],
      outputs: [value('h2', [4]), value('h2', [4])],
    })
    const scan = run({
      nodes: [node('Scan', 'h x', 'last all', {body: {graph: step}, num_scan_inputs: 1}), node('Relu', 'all', 'z')],
      inputs: [value('h', [4]), value('x', [9, 4])],
    })
    expect(scan.flops).toBe(9 * 4 + 36)
  })

  it('enters local functions, with the attributes of the call', () => {
    const functions = [
      {
        name: 'Block',
        domain: 'my',
        inputs: 'a b',
        outputs: 'c',
        nodes: [node('MatMul', 'a b', 'm'), node('Softmax', 'm', 'c', {axis: {reference: 'along'}})],
      },
    ]
    const {macs, flops} = run(
      {
        nodes: [node('Block', 'x w', 'y', {along: 1}, 'my')],
        inputs: [value('x', [2, 4])],
        initializers: [tensor('w', [4, 3])],
      },
      17,
      functions,
    )
    expect([macs, flops]).toEqual([24, 48 + 30])
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

describe('hostile files', () => {
  const refused = (file: Uint8Array) => problem(() => parseOnnx(bytesSource(file), 'bad.onnx'))

  it.each<[string, Uint8Array, RegExp]>([
    [
      'a length of 2^60',
      Uint8Array.from([0x3a, ...[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]]),
      /a length of 1152921504606847000 bytes where 0 are left/,
    ],
    [
      'a tensor of negative size',
      model({nodes: [], initializers: [tensor('w', [-4, 4])]}),
      /tensor "w" has a dimension of -4/,
    ],
    [
      'a tensor of 2^60 elements',
      model({nodes: [], initializers: [tensor('w', [2 ** 30, 2 ** 30])]}),
      /1\.15e\+18 elements/,
    ],
    ['an input of negative size', model({nodes: [], inputs: [value('x', [-1, 4])]}), /input "x" has a dimension of -1/],
    ['a name of a megabyte', model({nodes: [node('Relu', 'x', 'y'.repeat(2 ** 20))]}), /a name of 1048576 bytes/],
    [
      'a read of what nobody writes',
      model({nodes: [node('Relu', 'y', 'z'), node('Relu', 'z', 'y')]}),
      /reads "y", which nothing before it writes/,
    ],
    ['two graphs', Uint8Array.from([...model({nodes: []}), ...model({nodes: []})]), /two graphs/],
    ['no graph', Uint8Array.from([8, 8]), /no graph/],
    ['bytes that are no field', Uint8Array.from([0x3a, 2, 0x0b, 0]), /no readable ONNX file/],
    [
      'raw data of another length',
      model({nodes: [], initializers: [[...tensor('w', [3], FLOAT, [1, 2])]]}),
      /8 bytes; 3 elements need 12/,
    ],
    [
      'shapes that do not multiply',
      model({nodes: [node('MatMul', 'x w', 'y')], inputs: [value('x', [2, 3])], initializers: [tensor('w', [4, 5])]}),
      /3 is not 4/,
    ],
    [
      'a kernel larger than the image',
      model({
        nodes: [node('Conv', 'x w', 'y')],
        inputs: [value('x', [1, 1, 2, 2])],
        initializers: [tensor('w', [1, 1, 3, 3])],
      }),
      /does not fit 2 elements/,
    ],
  ])('%s', (_, file, message) => {
    const error = refused(file)
    expect(error.code).toBe('bad-file')
    expect(error.message).toMatch(message)
    expect(error.message.length).toBeLessThan(500)
    expect(error.message).not.toContain('\n')
  })

  it('functions that call themselves, or one another twice', () => {
    const self = [{name: 'F', domain: 'my', inputs: 'a', outputs: 'b', nodes: [node('F', 'a', 'b', {}, 'my')]}]
    const parts = {nodes: [node('F', 'x', 'y', {}, 'my')], inputs: [value('x', [2])]}
    expect(problem(() => run(parts, 17, self)).message).toMatch(/calls itself/)
    const doubling = Array.from({length: 30}, (_, i) => ({
      name: `F${i}`,
      domain: 'my',
      inputs: 'a',
      outputs: 'c',
      nodes: [node(`F${i + 1}`, 'a', 'b', {}, 'my'), node(`F${i + 1}`, 'b', 'c', {}, 'my')],
    }))
    expect(problem(() => run({...parts, nodes: [node('F0', 'x', 'y', {}, 'my')]}, 17, doubling)).message).toMatch(
      /more than 200000/,
    )
  })

  it('subgraphs deeper than any', () => {
    let inner = graph({nodes: [], outputs: []})
    for (let i = 0; i < 40; i++)
      inner = graph({nodes: [node('If', 'c', 'y', {then_branch: {graph: inner}, else_branch: {graph: []}})]})
    const file = model({
      nodes: [node('If', 'c', 'y', {then_branch: {graph: inner}, else_branch: {graph: []}})],
      inputs: [value('c', [], 9)],
    })
    expect(refused(file).message).toMatch(/deep/)
  })

  it.each([
    '../secret',
    '/etc/passwd',
    'a/../../b',
    'C:\\x',
    '\\\\host\\share',
    '',
  ])('external data in %j', (location) => {
    const outside = [...tensor('w', [4, 5]), ...external(location)]
    expect(refused(model({nodes: [], initializers: [outside]})).message).toMatch(/outside the model's folder/)
  })

  it('external data in the folder are never opened', () => {
    const inside = [...tensor('w', [4, 5]), ...external('weights.bin')]
    expect(over([3, 4], [node('MatMul', 'x w', 'y')], {initializers: [inside]}).macs).toBe(60)
  })

  it('every prefix of a real file is refused in one line, or is one that was cut behind its graph', () => {
    const whole = fixture('squeezenet')
    for (let length = 0; length < whole.length; length += 97) {
      const cut = whole.subarray(0, length)
      try {
        parseOnnx(bytesSource(cut), 'cut.onnx')
      } catch (error) {
        expect(error).toBeInstanceOf(AnalysisError)
        expect((error as AnalysisError).exitCode).toBe(3)
      }
    }
  })
})

/** data_location EXTERNAL and a `location` pair. */
function external(location: string): Bytes {
  const encode = (field: number, content: Bytes | string): Bytes => {
    const data = typeof content === 'string' ? Array.from(new TextEncoder().encode(content)) : content
    return [
      field * 8 + 2,
      ...(data.length < 128 ? [data.length] : [(data.length & 0x7f) | 0x80, data.length >> 7]),
      ...data,
    ]
  }
  return [...encode(13, [...encode(1, 'location'), ...encode(2, location)]), 14 * 8, 1]
}
