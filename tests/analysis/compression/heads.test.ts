/** Pruned attention heads: the graph is that of a model which never had them. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {transformer} from '../../../src/analysis/architectures/transformer.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import type {PruneRule} from '../../../src/analysis/passes/compression.ts'
import {keptHeads, pruneHeads} from '../../../src/analysis/passes/prune-heads.ts'
import {anyFamily} from '../support/families.ts'
import {nodeOf, standard} from '../support/workloads.ts'

const half: readonly PruneRule[] = [{where: null, what: 'heads', share: 0.5}]
const built = (model: ModelDef, seq = 8) => buildGraph(model, standard(model, seq))
const parameters = (model: ModelDef, rules: readonly PruneRule[]) =>
  parameterCount(pruneHeads(built(model), rules)).total

describe('pruned heads', () => {
  it('whole groups of queries go; where all share one key, single queries', () => {
    expect(keptHeads(12, 12, 0.5)).toEqual({heads: 6, kvHeads: 6})
    expect(keptHeads(32, 8, 0.3)).toEqual({heads: 24, kvHeads: 6})
    expect(keptHeads(32, 8, 0.1)).toEqual({heads: 32, kvHeads: 8})
    expect(keptHeads(16, 1, 0.3)).toEqual({heads: 12, kvHeads: 1})
    expect(keptHeads(4, 4, 0.99)).toEqual({heads: 1, kvHeads: 1})
  })

  it('give the graph of a model that never had them, node by node and tensor by tensor', () => {
    const work = fc.record({
      batch: fc.integer({min: 1, max: 3}),
      seq: fc.integer({min: 1, max: 9}),
      context: fc.nat(12),
      share: fc.constantFrom(0.25, 0.5, 0.9),
    })
    fc.assert(
      fc.property(anyFamily, work, ({latent: _, ...spec}, {share, ...sizes}) => {
        const size = {...sizes, logits: 'last', tp: 1} as const
        const pruned = pruneHeads(transformer(spec, size), [{where: null, what: 'heads', share}])
        const native = transformer({...spec, ...keptHeads(spec.heads, spec.kvHeads, share)}, size)
        validateGraph(pruned)
        expect(pruned.nodes.map(({id, dims, cost}) => ({id, dims, cost}))).toEqual(
          native.nodes.map(({id, dims, cost}) => ({id, dims, cost})),
        )
        const read = (graph: typeof native) => {
          const used = new Set(graph.nodes.flatMap((node) => [...node.inputs, ...node.outputs]))
          return graph.tensors
            .filter((t) => used.has(t))
            .map(({name, role, elements, repeat}) => [name, role, elements, repeat])
        }
        expect(read(pruned)).toEqual(read(native))
      }),
      {numRuns: 150},
    )
  })

  it('take their share of projections, biases, tables of positions and cache', () => {
    // GPT-2: three products of 768 × 384 with biases, and one back
    expect(124_439_808 - parameters(models.gpt2, half)).toBe(12 * (3 * (768 * 384 + 384) + 384 * 768))
    // T5: 12 + 12 layers; the tables of 32 buckets halve; cross attention stays
    expect(222_903_552 - parameters(models['t5-base'], half)).toBe(24 * 4 * 768 * 384 + 2 * 32 * 6)
    const swin = pruneHeads(built(models['swin-t']), half)
    validateGraph(swin)
    expect(swin.nodes.find(({kind}) => kind === 'window-bias')!.dims.heads).toBe(2)
    // three heads: one goes
    expect(swin.nodes.filter(({kind}) => kind === 'attention-scores').map(({dims}) => dims.heads)).toEqual([
      2, 2, 3, 3, 6, 6, 12, 12,
    ])
    const {compression, totals} = analyzeModel(models['llama-3-8b'], machines['h100-sxm'], {
      phase: 'decode',
      prune: 'heads:0.25',
    }).result
    expect(compression!.map(({pass}) => pass)).toEqual(['prune-heads'])
    expect(compression![0]!.after.kvCache).toBe(0.75 * compression![0]!.before.kvCache)
    expect(totals.macs).toBe(compression![0]!.after.macs)
  })

  it('leave latent attention and other places alone', () => {
    const deepseek = built(models['deepseek-v3'])
    expect(pruneHeads(deepseek, half)).toBe(deepseek)
    const gemma = pruneHeads(built(models['gemma-2-9b']), [{where: 'layers.local', what: 'heads', share: 0.5}])
    expect(nodeOf(gemma, 'layers.local.attn.scores').dims.heads).toBe(8)
    expect(nodeOf(gemma, 'layers.global.attn.scores').dims.heads).toBe(16)
  })

  it('are trained without, beside pruned channels and before what leaves holes', () => {
    const {training, compression} = analyzeModel(models.gpt2, machines['h100-sxm'], {
      phase: 'train',
      seq: 64,
      prune: 'heads:0.5,channels:0.5',
    }).result
    expect(training).toBeDefined()
    expect(compression!.map(({pass}) => pass)).toEqual(['prune-heads', 'prune-channels'])
    const all = analyzeModel(models.gpt2, machines['h100-sxm'], {
      seq: 64,
      prune: 'heads:0.5,channels:0.5,2:4',
      lowRank: '64',
    })
    const stages = all.result.compression!
    expect(stages.map(({pass}) => pass)).toEqual(['prune-heads', 'prune-channels', 'low-rank', 'prune-weights'])
    for (const [i, {before}] of stages.entries()) if (i > 0) expect(before).toEqual(stages[i - 1]!.after)
    for (const {before, after} of stages) expect(after.weights).toBeLessThan(before.weights)
  })
})
