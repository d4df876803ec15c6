import {describe, expect, it} from 'vitest'
import {parameterCount} from '../../../src/analysis/graph.ts'
import {over, run} from './support/lowered.ts'
import {type Bytes, constant, FLOAT, graph, INT64, node, tensor, value} from './support/onnx.ts'

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
