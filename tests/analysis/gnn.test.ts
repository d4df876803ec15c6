/** Graph networks and the smallest model: sparse products against dense ones, parameters, sizes from the workload. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {gnn} from '../../src/analysis/architectures/gnn.ts'
import {parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {edgeScores} from '../../src/analysis/ops/edge-scores.ts'
import {edgeSoftmax} from '../../src/analysis/ops/edge-softmax.ts'
import {gather} from '../../src/analysis/ops/gather.ts'
import {linear} from '../../src/analysis/ops/linear.ts'
import {scatter} from '../../src/analysis/ops/scatter.ts'
import {spmm} from '../../src/analysis/ops/spmm.ts'
import {close, numbers} from './support/arrays.ts'
import {nodeOf, standard, tokens} from './support/workloads.ts'

/** A random graph: for each node the nodes that send to it. */
const adjacency = fc.array(fc.array(fc.nat(5), {maxLength: 6}), {minLength: 6, maxLength: 6})

/** Its compressed rows, and the target of every edge. */
function compressed(neighbours: readonly (readonly number[])[]) {
  const starts = [0]
  for (const list of neighbours) starts.push(starts.at(-1)! + list.length)
  return {
    columns: Float64Array.from(neighbours.flat()),
    starts: Float64Array.from(starts),
    targets: Float64Array.from(neighbours.flatMap((list, i) => list.map(() => i))),
    edges: starts.at(-1)!,
  }
}

describe('message passing', () => {
  it('a sparse product is the dense product with the same matrix', () => {
    fc.assert(
      fc.property(adjacency, (neighbours) => {
        const {columns, starts, edges} = compressed(neighbours)
        const [x, weights] = [numbers(6 * 3), numbers(edges, 2)]
        const dims = {nodes: 6, edges, features: 3, heads: 1, weighted: true}
        const [y] = spmm.reference!(dims, [x, columns, starts, weights])
        const dense = new Float64Array(36)
        neighbours
          .flatMap((list, i) => list.map((j) => [i, j] as const))
          .forEach(([i, j], e) => {
            dense[i * 6 + j]! += weights[e]!
          })
        close(y!, linear.reference!({m: 6, n: 3, k: 6, bias: false}, [dense, x])[0]!)
      }),
    )
  })

  it('gather and scatter are the sparse product in two steps', () => {
    fc.assert(
      fc.property(adjacency, (neighbours) => {
        const {columns, starts, targets, edges} = compressed(neighbours)
        const x = numbers(6 * 3)
        const dims = {nodes: 6, edges, features: 3, heads: 1, weighted: false}
        const [y] = spmm.reference!(dims, [x, columns, starts])
        const [sent] = gather.reference!({rows: edges, table: 6, width: 3}, [x, columns])
        const [received] = scatter.reference!({rows: edges, targets: 6, width: 3}, [sent!, targets])
        close(received!, y!)
        // the same adds; the messages that go through memory are what the sparse product saves
        expect(scatter.cost({rows: edges, targets: 6, width: 3}).flops).toBe(spmm.cost(dims).flops)
      }),
    )
  })

  it('heads weigh their own channels', () => {
    const dims = {nodes: 1, edges: 1, features: 2, heads: 2, weighted: true}
    const inputs = [[1, 2, 3, 4], [0], [0, 1], [10, 100]].map((list) => Float64Array.from(list))
    expect(Array.from(spmm.reference!(dims, inputs)[0]!)).toEqual([10, 20, 300, 400])
  })

  it('edge weights sum to one over what comes into a node; scores are leaky', () => {
    const dims = {nodes: 2, edges: 3, heads: 1}
    const ends = [Float64Array.of(0, 1, 1), Float64Array.of(0, 0, 1)]
    const [scores] = edgeScores.reference!(dims, [Float64Array.of(1, -2), Float64Array.of(0.5, 0.5), ...ends])
    close(scores!, Float64Array.of(1.5, -0.3, -0.3))
    const [weights] = edgeSoftmax.reference!(dims, [scores!, Float64Array.of(0, 2, 3)])
    expect(weights![0]! + weights![1]!).toBeCloseTo(1, 12)
    expect(weights![2]).toBe(1)
  })
})

describe('models', () => {
  it.each([
    ['gcn', 1433 * 16 + 16 + 16 * 7 + 7],
    ['gat', 1433 * 64 + 2 * 64 + 64 + 64 * 7 + 2 * 7 + 7],
    ['graphsage', 2 * 100 * 256 + 256 + 2 * 256 * 256 + 256 + 2 * 256 * 47 + 47],
  ] as const)('%s has %i parameters', (id, parameters) => {
    const graph = gnn(models[id].spec, standard(models[id], 1))
    validateGraph(graph)
    expect(parameterCount(graph).total).toBe(parameters)
  })

  it('GCN: products by nodes, messages by edges and self-loops', () => {
    const graph = gnn(models.gcn.spec, standard(models.gcn, 1))
    expect(nodeOf(graph, 'layers.1.transform').cost.macs).toBe(2708 * 1433 * 16)
    expect(nodeOf(graph, 'layers.1.aggregate').cost.macs).toBe((10_556 + 2708) * 16)
    expect(nodeOf(graph, 'layers.2.aggregate').cost.macs).toBe((10_556 + 2708) * 7)
  })

  it('sizes come from the workload, and leave hidden weights alone', () => {
    const sizes = {nodes: 169_343, edges: 2_315_598, features: 128}
    const graph = gnn(models.gcn.spec, tokens(1, {graph: sizes}))
    expect(parameterCount(graph).total).toBe(128 * 16 + 16 + 16 * 7 + 7)
    expect(nodeOf(graph, 'layers.2.aggregate').dims).toMatchObject({nodes: 169_343, edges: 2_315_598 + 169_343})
    const {result} = analyzeModel(models.gcn, machines['h100-sxm'], sizes)
    expect(result.workload.graph).toEqual(sizes)
    expect(() => analyzeModel(models['llama-3-8b'], machines['h100-sxm'], {nodes: 5})).toThrow('--nodes 5')
  })

  it('a batch of graphs is one graph without edges between its parts', () => {
    const [one, two] = [1, 2].map((batch) => gnn(models.gat.spec, standard(models.gat, 1, {batch})))
    expect(nodeOf(two!, 'layers.1.aggregate').cost.flops).toBe(2 * nodeOf(one!, 'layers.1.aggregate').cost.flops)
    expect(parameterCount(two!)).toEqual(parameterCount(one!))
  })

  it('logistic regression on MNIST has 7,850 parameters and 7,840 MACs per image', () => {
    const {model, totals} = analyzeModel(models['logistic-regression'], machines['h100-sxm']).result
    expect([model.parameters.total, totals.macs]).toEqual([7850, 7840])
    // 2·784·10 + 10 for the biases, softmax 5 per class
    expect(totals.flops).toBe(15_680 + 10 + 50)
  })
})
