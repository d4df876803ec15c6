import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {type Graph, GraphBuilder, parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {add} from '../../src/analysis/ops/add.ts'
import {linear} from '../../src/analysis/ops/linear.ts'
import {relu} from '../../src/analysis/ops/relu.ts'
import {anyGraph} from './support/workloads.ts'

/** embed-less chain: ids → relu → add */
function chain(): GraphBuilder {
  const b = new GraphBuilder()
  const source = b.tensor('source', 'constant', 4)
  const [x, y] = [b.activation('x', 4), b.activation('y', 4)]
  b.add(relu, 'first', {elements: 4}, [source], [x])
  b.add(add, 'second', {elements: 4}, [x, source], [y])
  return b
}

function problem(graph: Graph): string {
  try {
    validateGraph(graph)
  } catch (error) {
    expect(error).toBeInstanceOf(AnalysisError)
    expect((error as AnalysisError).code).toBe('internal')
    return (error as AnalysisError).message
  }
  return 'valid'
}

describe('validateGraph', () => {
  it('accepts every transformer', () => {
    fc.assert(fc.property(anyGraph, (graph) => void validateGraph(graph)))
    expect(problem(chain().graph())).toBe('valid')
  })

  it('refuses an id used twice, naming it', () => {
    const b = chain()
    b.add(relu, 'first', {elements: 4}, [b.tensors[1]!], [b.activation('z', 4)])
    expect(problem(b.graph())).toBe('operator first: the id is used twice')
  })

  it('refuses a tensor that is read before it is written', () => {
    const {nodes, tensors} = chain().graph()
    expect(problem({nodes: nodes.toReversed(), tensors})).toBe('operator second: reads x before it is written')
  })

  it('refuses a read of more than the tensor holds', () => {
    const b = chain()
    b.add(relu, 'third', {elements: 5}, [b.tensors[2]!], [b.activation('z', 5)])
    expect(problem(b.graph())).toBe('operator third: reads 5 of y, which has 4')
  })

  it('refuses inputs that the cost does not know', () => {
    const b = chain()
    b.add(relu, 'third', {elements: 4}, [b.tensors[1]!, b.tensors[2]!], [b.activation('z', 4)])
    expect(problem(b.graph())).toBe('operator third: 2 inputs, 1 reads')
  })

  it('accepts a write that is split, refuses one that does not add up', () => {
    const split = (sizes: number[]) => {
      const b = chain()
      const weight = b.weight('w', 4 * 6)
      b.add(
        linear,
        'qkv',
        {m: 1, n: 6, k: 4, bias: false},
        [b.tensors[2]!, weight],
        sizes.map((n) => b.activation('', n)),
      )
      return problem(b.graph())
    }
    expect(split([2, 2, 2])).toBe('valid')
    expect(split([2, 2, 3])).toBe('operator qkv: writes 6 elements into outputs of 7')
  })

  it('refuses counts beyond 2^53', () => {
    const b = chain()
    const [k, n] = [2 ** 27, 2 ** 27]
    const x = b.tensor('wide', 'constant', k)
    b.add(linear, 'huge', {m: 1, n, k, bias: false}, [x, b.weight('w', n * k)], [b.activation('z', n)])
    expect(problem(b.graph())).toMatch(/^operator huge: macs is \d+, not an exact count below 2\^53$/)
  })
})

describe('parameterCount', () => {
  it('counts every weight once, times the layers that have their own', () => {
    const b = new GraphBuilder()
    b.weight('embed.table', 10)
    b.weight('embed.norm.gamma', 3)
    b.weight('layers.mlp.up.weight', 7, 5)
    b.activation('x', 1000)
    expect(parameterCount(b.graph())).toEqual({total: 48, embedding: 10})
  })
})
