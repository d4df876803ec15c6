/** Random transformers of every kind the architecture can express: valid graphs, and the laws of fusion. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {transformer} from '../../src/analysis/architectures/transformer.ts'
import {activeParameters, type Graph, parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {applyFusion, type Fusion, fusions, passes} from '../../src/analysis/passes/index.ts'
import {anyFamily} from './support/families.ts'
import {bytesIn, total} from './support/workloads.ts'

const anyFamilyGraph: fc.Arbitrary<Graph> = fc
  .tuple(
    anyFamily,
    fc.record({
      batch: fc.integer({min: 1, max: 3}),
      seq: fc.integer({min: 1, max: 9}),
      context: fc.nat(20),
      logits: fc.constantFrom('last' as const, 'all' as const),
    }),
  )
  .map(([spec, work]) => {
    const graph = transformer(spec, {...work, tp: 1})
    return {...graph, [fc.toStringMethod]: () => JSON.stringify([spec, work])}
  })

describe('transformers of every kind', () => {
  it('are valid graphs; no token uses more than there is', () => {
    fc.assert(
      fc.property(anyFamilyGraph, (graph) => {
        validateGraph(graph)
        expect(activeParameters(graph)).toBeLessThanOrEqual(parameterCount(graph).total)
      }),
    )
  })

  it.each(Object.keys(fusions) as Fusion[])('--fusion %s keeps their work, adds no bytes, and ends', (fusion) => {
    fc.assert(
      fc.property(anyFamilyGraph, (graph) => {
        const fused = applyFusion(graph, fusion)
        validateGraph(fused)
        for (const count of ['flops', 'macs', 'special'] as const)
          expect(total(fused, (node) => node.cost[count])).toBe(total(graph, (node) => node.cost[count]))
        const executed = (g: Graph) => total(g, ({cost}) => cost.matrix + cost.vector)
        expect(executed(fused)).toBeLessThanOrEqual(executed(graph))
        expect(executed(fused)).toBeGreaterThanOrEqual(total(fused, (node) => node.cost.flops))
        expect(bytesIn(fused, 'bf16')).toBeLessThanOrEqual(bytesIn(graph, 'bf16'))
        for (const id of fusions[fusion]) expect(passes[id].apply(fused)).toEqual(fused)
      }),
    )
  })
})
