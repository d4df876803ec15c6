/** Meta-tests: a pass that is added to the registry is held to the laws of fusion without writing a test for it. */
import {readdirSync, readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {transformer} from '../../src/analysis/architectures/transformer.ts'
import {type Graph, GraphBuilder, type Node, validateGraph} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../src/analysis/models/types.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {compulsoryBytes} from '../../src/analysis/ops/types.ts'
import {applyFusion, type Fusion, fusions, passes} from '../../src/analysis/passes/index.ts'
import {consumersOf, join, joinIds, partsOf} from '../../src/analysis/passes/join.ts'
import type {Pass} from '../../src/analysis/passes/types.ts'
import {anyOperators} from './support/graphs.ts'
import {anyGraph, bytesIn, nodeOf, tokens, total, workloads} from './support/workloads.ts'

const registry: Readonly<Record<string, Pass>> = passes
const folder = new URL('../../src/analysis/passes/', import.meta.url)
const all: Readonly<Record<string, ModelDef>> = models

/** What every fusion owes to the graph it was given. */
function expectFusion(before: Graph, after: Graph): void {
  validateGraph(after)
  for (const count of ['flops', 'macs', 'special'] as const)
    expect(
      total(after, (node) => node.cost[count]),
      count,
    ).toBe(total(before, (node) => node.cost[count]))
  const executed = (node: Node) => node.cost.matrix + node.cost.vector
  expect(total(after, executed)).toBeLessThanOrEqual(total(before, executed))
  expect(bytesIn(after, 'f32')).toBeLessThanOrEqual(bytesIn(before, 'f32'))
  // each original operator is in exactly one node, and the node says so
  const known = new Set(before.nodes.map((node) => node.id))
  const covered = after.nodes.flatMap(partsOf)
  expect(covered.filter((id) => !known.has(id))).toEqual([])
  expect([...covered].sort()).toEqual([...known].sort())
  for (const node of after.nodes) {
    expect(node.fusedFrom.length).not.toBe(1)
    if (node.fusedFrom.length > 1) expect(node.id).toBe(joinIds(node.fusedFrom))
    for (const id of node.fusedFrom) expect(nodeOf(before, id).repeat).toBe(node.repeat)
  }
  // what nobody reads is a result, and still leaves
  const results = (graph: Graph) => {
    const read = new Set(graph.nodes.flatMap((node) => node.inputs))
    return new Set(graph.nodes.flatMap((node) => node.outputs).filter((tensor) => !read.has(tensor)))
  }
  for (const tensor of results(before)) expect(results(after)).toContain(tensor)
  // weights and index tensors are still read, caches still written
  const used = (graph: Graph, role: string) =>
    new Set(graph.nodes.flatMap((n) => [...n.inputs, ...n.outputs]).filter((t) => t.role === role))
  for (const role of ['weight', 'index', 'kv', 'constant']) expect(used(after, role)).toEqual(used(before, role))
}

describe('the registry of passes', () => {
  it('has every pass that a file exports, under its id', () => {
    const helpers = ['index.ts', 'types.ts', 'join.ts']
    const exported = readdirSync(folder)
      .filter((name) => !helpers.includes(name))
      .flatMap((name) =>
        [...readFileSync(new URL(name, folder), 'utf8').matchAll(/export const \w+: Pass = \{\s*id: '([^']+)'/g)].map(
          (match) => match[1]!,
        ),
      )
    expect(exported.sort()).toEqual(Object.keys(passes).sort())
    for (const [id, pass] of Object.entries(registry)) {
      expect(pass.id).toBe(id)
      expect(pass.title.length).toBeGreaterThan(10)
      expect(pass.source).toMatch(/\d{4}/)
    }
  })

  it('has the four fusion levels of the contract, none of which is empty but none', () => {
    expect(Object.keys(fusions)).toEqual(['none', 'elementwise', 'attention', 'all'])
    const graph = transformer(models.gpt2.spec, tokens(4))
    expect(applyFusion(graph, 'none')).toBe(graph)
  })
})

describe.each(Object.entries(registry))('%s', (_, pass) => {
  it('keeps the laws on every model and workload', () => {
    for (const model of Object.values(all)) {
      for (const work of workloads(model)) {
        const graph = buildGraph(model, work)
        expectFusion(graph, pass.apply(graph))
      }
    }
  })

  it('keeps the laws on random transformers', () => {
    fc.assert(fc.property(anyGraph, (graph) => expectFusion(graph, pass.apply(graph))))
  })

  it('keeps the laws on random graphs of operators', () => {
    fc.assert(
      fc.property(anyOperators, (graph) => expectFusion(graph, pass.apply(graph))),
      {numRuns: 300},
    )
  })

  it('changes nothing when applied again', () => {
    fc.assert(
      fc.property(fc.oneof(anyGraph, anyOperators), (graph) => {
        const once = pass.apply(graph)
        expect(pass.apply(once)).toEqual(once)
      }),
    )
  })

  it('leaves its input as it was', () => {
    const graph = transformer(models['llama-3-8b'].spec, tokens(3))
    const copy = structuredClone(graph)
    pass.apply(graph)
    expect(graph).toEqual(copy)
  })
})

describe('fusion levels', () => {
  it.each(Object.keys(fusions) as Fusion[])('%s keeps the laws', (fusion) => {
    fc.assert(fc.property(anyGraph, (graph) => expectFusion(graph, applyFusion(graph, fusion))))
  })

  it('all moves no more bytes than any other, none no fewer', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const bytes = (fusion: Fusion) => bytesIn(applyFusion(graph, fusion), 'bf16')
        expect(bytes('all')).toBeLessThanOrEqual(bytes('attention'))
        expect(bytes('all')).toBeLessThanOrEqual(bytes('elementwise'))
        expect(bytes('attention')).toBeLessThanOrEqual(bytes('none'))
      }),
    )
  })

  it('attention joins scores, softmax and values, and nothing else', () => {
    const graph = applyFusion(transformer(models['llama-3-8b'].spec, tokens(7)), 'attention')
    expect(graph.nodes.filter((node) => node.fusedFrom.length > 0).map((node) => node.id)).toEqual([
      'layers.attn.scores+softmax+values',
    ])
  })

  it('attention leaves out what a causal mask discards: executed work is useful work', () => {
    const graph = applyFusion(transformer(models.gpt2.spec, tokens(64)), 'attention')
    expect(total(graph, (n) => n.cost.matrix + n.cost.vector)).toBe(total(graph, (n) => n.cost.flops))
  })

  it('elementwise puts epilogues into products and the residual into the norm behind it', () => {
    const ids = (id: 'gpt2' | 'llama-3-8b') =>
      applyFusion(transformer(models[id].spec, tokens(8)), 'elementwise').nodes.map((node) => node.id)
    expect(ids('gpt2')).toContain('layers.mlp.up+act')
    expect(ids('gpt2')).toContain('layers.attn.residual+layers.mlp.norm')
    expect(ids('gpt2')).toContain('layers.mlp.down+residual')
  })

  it('a product feeds a row-wise operator only where rows are kept on chip', () => {
    const b = new GraphBuilder()
    const [x, y] = [b.activation('x', 8), b.activation('y', 8)]
    b.add(
      ops.linear,
      'product',
      {m: 2, n: 4, k: 4, bias: false},
      [b.tensor('in', 'constant', 8), b.weight('w', 16)],
      [x],
    )
    b.add(ops.rmsnorm, 'norm', {rows: 2, width: 4}, [x, b.weight('gamma', 4)], [y])
    const ids = (fusion: Fusion) => applyFusion(b.graph(), fusion).nodes.map((node) => node.id)
    expect(ids('elementwise')).toEqual(['product', 'norm'])
    expect(ids('all')).toEqual(['product+norm'])
  })

  it('all reads the input of gate and up once', () => {
    const graph = applyFusion(transformer(models['llama-3-8b'].spec, tokens(8)), 'all')
    const node = graph.nodes.find((n) => n.fusedFrom.includes('layers.mlp.gate'))!
    expect(node.fusedFrom).toEqual(expect.arrayContaining(['layers.mlp.up', 'layers.mlp.act']))
    const activations = node.inputs.filter((t) => t.role === 'activation')
    expect(activations).toHaveLength(1)
  })
})

describe('join', () => {
  it('of scores, softmax and values agrees with the attention operator', () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const at = graph.nodes.findIndex((node) => node.kind === 'attention-scores')
        const group = graph.nodes.slice(at, at + 3)
        const joined = join(group, consumersOf(graph.nodes, graph.tensors.length))
        const fused = nodeOf(applyFusion(graph, 'attention'), 'layers.attn.scores+softmax+values')
        expect(joined.id).toBe(fused.id)
        expect(joined.inputs).toEqual(fused.inputs)
        expect(joined.outputs).toEqual(fused.outputs)
        for (const dtype of ['f32', 'bf16', 'int8'] as const)
          expect(compulsoryBytes(joined.cost, dtype)).toBe(compulsoryBytes(fused.cost, dtype))
        expect({...joined.cost, matrix: 0, vector: 0, reads: [], writes: []}).toEqual({
          ...fused.cost,
          matrix: 0,
          vector: 0,
          reads: [],
          writes: [],
        })
      }),
    )
  })

  it('keeps a tensor that a node outside reads, drops one that none does, reads a shared one once', () => {
    const b = new GraphBuilder()
    const source = b.tensor('source', 'constant', 8)
    const [x, y, z, w] = ['x', 'y', 'z', 'w'].map((name) => b.activation(name, 8)) as [never, never, never, never]
    b.add(ops.relu, 'a', {elements: 8}, [source], [x])
    b.add(ops.add, 'b', {elements: 8}, [x, source], [y])
    b.add(ops.mul, 'c', {elements: 8}, [y, source], [z])
    b.add(ops.add, 'd', {elements: 8}, [z, y], [w])
    const graph = b.graph()
    const joined = join(graph.nodes.slice(0, 3), consumersOf(graph.nodes, graph.tensors.length))
    expect(joined.inputs.map((t) => t.name)).toEqual(['source'])
    expect(joined.outputs.map((t) => t.name)).toEqual(['y', 'z'])
    expect(compulsoryBytes(joined.cost, 'f32')).toBe(3 * 8 * 4)
    expect(joined.cost.flops).toBe(24)
    expect(joined.id).toBe('a+b+c')
  })

  it('reads of a shared tensor what the part that needs most of it needs', () => {
    const b = new GraphBuilder()
    const x = b.tensor('x', 'constant', 8)
    const heads = [2, 8, 4].map((elements) => {
      const y = b.activation(`y${elements}`, elements)
      b.add(ops.relu, `first ${elements}`, {elements}, [x], [y])
      return y
    })
    const {nodes, tensors} = b.graph()
    const joined = join(nodes, consumersOf(nodes, tensors.length))
    expect(joined.inputs).toEqual([x])
    expect(joined.cost.reads.map((use) => use.elements)).toEqual([8])
    expect(joined.outputs).toEqual(heads)
  })

  it('of a cache write and its reader writes the new tokens and reads the old ones', () => {
    const graph = transformer(models.gpt2.spec, tokens(1, {context: 10}))
    const group = ['kv-write', 'scores'].map((id) => nodeOf(graph, `layers.attn.${id}`))
    const {cost, outputs} = join(group, consumersOf(graph.nodes, graph.tensors.length))
    const kv = (uses: typeof cost.reads) =>
      uses.filter((use) => use.role === 'kv').map((use) => [use.name, use.elements])
    expect(kv(cost.reads)).toEqual([['k cache', 10 * 768]])
    expect(kv(cost.writes)).toEqual([
      ['k cache', 768],
      ['v cache', 768],
    ])
    expect(outputs.map((tensor) => tensor.name)).toEqual(['k cache', 'v cache', 'scores'])
    // a cache that only the group reads is kept all the same
    const alone = join(group, consumersOf(group, graph.tensors.length))
    expect(alone.outputs).toEqual(outputs)
  })
})

describe('joinIds', () => {
  it('drops the folder that a part shares with the one before', () => {
    expect(joinIds(['layers.attn.scores', 'layers.attn.softmax', 'layers.mlp.norm'])).toBe(
      'layers.attn.scores+softmax+layers.mlp.norm',
    )
    expect(joinIds(['embed', 'embed.position', 'norm'])).toBe('embed+embed.position+norm')
  })
})
