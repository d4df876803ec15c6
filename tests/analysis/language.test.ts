/** Windows, chunks, local and global layers, caps, sinks, ALiBi, norms on both sides, encoder–decoders, Mamba-2. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {encoderDecoder} from '../../src/analysis/architectures/encoder-decoder.ts'
import {mamba2} from '../../src/analysis/architectures/mamba2.ts'
import {type TransformerSpec, transformer} from '../../src/analysis/architectures/transformer.ts'
import {type Graph, parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {alibi} from '../../src/analysis/ops/alibi.ts'
import {attention} from '../../src/analysis/ops/attention.ts'
import {crossAttention} from '../../src/analysis/ops/cross-attention.ts'
import {linearAttention} from '../../src/analysis/ops/linear-attention.ts'
import {keptPairs, sees} from '../../src/analysis/ops/pairs.ts'
import {relativeBias} from '../../src/analysis/ops/relative-bias.ts'
import {ropePartial} from '../../src/analysis/ops/rope-partial.ts'
import {shortConv} from '../../src/analysis/ops/short-conv.ts'
import {softcap} from '../../src/analysis/ops/softcap.ts'
import {softmax} from '../../src/analysis/ops/softmax.ts'
import {softmaxSink} from '../../src/analysis/ops/softmax-sink.ts'
import {ssdScan} from '../../src/analysis/ops/ssd-scan.ts'
import {applyFusion, type Fusion, fusions} from '../../src/analysis/passes/index.ts'
import {close, numbers} from './support/arrays.ts'
import {bytesIn, nodeOf, tokens, total} from './support/workloads.ts'

describe('windows and chunks', () => {
  const size = fc.integer({min: 1, max: 40})
  it('keep exactly the pairs that are seen', () => {
    fc.assert(
      fc.property(size, fc.nat(40), fc.nat(20), fc.nat(20), (seq, cached, window, chunk) => {
        const one = {batch: 1, seq, cached, heads: 1, kvHeads: 1, headDim: 2, causal: true}
        for (const d of [
          {...one, window},
          {...one, chunk},
        ]) {
          let seen = 0
          for (let i = 0; i < seq; i++) for (let j = 0; j < cached + seq; j++) if (sees(d, i, j)) seen++
          expect(keptPairs(seq, cached, true, 'window' in d ? window : 0, 'chunk' in d ? chunk : 0)).toBe(seen)
        }
      }),
    )
  })

  it('a window at least as long as the sequence changes nothing', () => {
    expect(keptPairs(10, 5, true, 15)).toBe(keptPairs(10, 5, true))
    expect(keptPairs(10, 5, true, 14)).toBe(keptPairs(10, 5, true) - 1)
  })

  const base = models['llama-3-8b'].spec
  const local: TransformerSpec = {...base, groups: [{name: '', layers: 32, window: 100}]}
  const scores = (graph: Graph) => nodeOf(graph, 'layers.attn.scores')
  const held = (graph: Graph) => graph.tensors.find((t) => t.role === 'kv')!.elements / (8 * 128)

  it.each([
    // context, keys that a decode step sees, cached tokens it reads, tokens held behind it
    [0, 1, 0, 1],
    [98, 99, 98, 99],
    [99, 100, 99, 100],
    [5000, 100, 99, 100],
  ])('a decode step at %i sees %i keys, reads %i, holds %i', (context, keys, cached, after) => {
    const graph = transformer(local, tokens(1, {context}))
    validateGraph(graph)
    expect(scores(graph).cost.macs).toBe(keys * 32 * 128)
    expect((scores(graph).cost.reads[2]?.elements ?? 0) / (8 * 128)).toBe(cached)
    expect(held(graph)).toBe(after)
  })

  it('a prefill computes the rectangle where scores are materialized, keeps the band', () => {
    const graph = transformer(local, tokens(300))
    expect(scores(graph).cost.macs).toBe(32 * 128 * (100 * 101 * 0.5 + 200 * 100))
    expect(scores(graph).cost.matrix).toBe(2 * 32 * 128 * 300 * 300)
    const fused = applyFusion(graph, 'attention')
    expect(total(fused, (n) => n.cost.matrix + n.cost.vector)).toBe(total(graph, (n) => n.cost.flops))
    // no more than the window is written to the cache
    expect(nodeOf(graph, 'layers.attn.kv-write').cost.writes[0]!.elements).toBe(100 * 8 * 128)
  })

  it('a chunk begins anew: the first token behind a full chunk sees itself alone', () => {
    const {spec} = models['llama-4-scout']
    const macs = (context: number, layers: string) =>
      nodeOf(transformer(spec, tokens(1, {context})), `layers.${layers}.attn.scores`).cost.macs / (40 * 128)
    expect([8191, 8192, 8193].map((c) => macs(c, 'chunked'))).toEqual([8192, 1, 2])
    expect(macs(8192, 'global')).toBe(8193)
  })
})

describe('local and global layers', () => {
  it.each([
    ['gemma-2-9b', 21, 21, 4096],
    ['gemma-3-4b', 29, 5, 1024],
    ['gpt-oss-20b', 12, 12, 128],
  ] as const)('%s: %i local, %i global, a window of %i', (id, local, global, window) => {
    const graph = transformer(models[id].spec, tokens(1, {context: 8000}))
    expect(nodeOf(graph, 'layers.local.attn.scores')).toMatchObject({repeat: local, dims: {window}})
    expect(nodeOf(graph, 'layers.global.attn.scores').repeat).toBe(global)
    const perLayer = graph.tensors.filter((t) => t.role === 'kv').map((t) => t.elements)
    expect(Math.max(...perLayer) / Math.min(...perLayer)).toBe(8001 / window)
  })

  it('groups of equal layers cost what one group costs', () => {
    const {spec} = models['qwen3-8b']
    const split = {
      ...spec,
      groups: [
        {name: 'a', layers: 10},
        {name: 'b', layers: 26},
      ],
    }
    const [whole, parts] = [spec, split].map((s) => transformer(s, tokens(9, {context: 4})))
    for (const count of [(g: Graph) => total(g, (n) => n.cost.flops), (g: Graph) => bytesIn(g, 'bf16')])
      expect(count(parts!)).toBe(count(whole!))
    expect(parameterCount(parts!)).toEqual(parameterCount(whole!))
  })
})

describe('what stands between scores and softmax', () => {
  const shape = {rows: 4, cols: 3, kept: 12}
  it('a cap bounds, and hardly moves small scores', () => {
    const [y] = softcap.reference!(shape, [Float64Array.from({length: 12}, (_, i) => (i === 0 ? 1e6 : 0.01))])
    expect(y![0]).toBeCloseTo(50, 6)
    expect(y![1]).toBeCloseTo(0.01, 6)
  })

  it('a sink takes its share: one extra score that is left out', () => {
    const x = numbers(12)
    const sink = Float64Array.from([0.3])
    const [y] = softmaxSink.reference!({...shape, heads: 1}, [x, sink])
    const wide = Float64Array.from({length: 16}, (_, i) => (i % 4 < 3 ? x[Math.floor(i / 4) * 3 + (i % 4)]! : 0.3))
    const [whole] = softmax.reference!({rows: 4, cols: 4, kept: 16}, [wide])
    close(
      y!,
      whole!.filter((_, i) => i % 4 < 3),
    )
  })

  it('ALiBi falls linearly with distance, the slope per head', () => {
    const dims = {batch: 1, seq: 2, cached: 1, heads: 2, causal: true}
    const [y] = alibi.reference!(dims, [new Float64Array(12), Float64Array.from([1, 10])])
    expect(Array.from(y!, (v) => v + 0)).toEqual([-1, 0, -1, -2, -1, 0, -10, 0, -10, -20, -10, 0])
  })

  it('relative buckets: near distances apart, far ones together, both directions in an encoder', () => {
    const [seq, buckets] = [300, 32]
    const table = Float64Array.from({length: buckets}, (_, i) => i)
    const of = (causal: boolean) => {
      const dims = {batch: 1, seq, cached: 0, heads: 1, buckets, causal}
      return relativeBias.reference!(dims, [new Float64Array(seq * seq), table])[0]!
    }
    const causal = of(true)
    // last query: distances 0…15 have a bucket each, 128 and beyond share the last
    const last = (distance: number) => causal[seq * seq - 1 - distance]
    expect(Array.from({length: 16}, (_, d) => last(d))).toEqual(Array.from({length: 16}, (_, d) => d))
    expect([last(128), last(250)]).toEqual([31, 31])
    const both = of(false)
    expect([both[0], both[1], both[seq]]).toEqual([0, 17, 1])
  })

  it.each(['alibi', 'softcap', 'sinks'] as const)('fused attention takes %s along', (part) => {
    const spec: TransformerSpec = {
      ...models['llama-3-8b'].spec,
      ...(part === 'alibi' ? {positionEncoding: 'alibi'} : {}),
      ...(part === 'softcap' ? {softcap: {scores: true, logits: false}} : {}),
      ...(part === 'sinks' ? {sinks: true} : {}),
    }
    const graph = transformer(spec, tokens(7, {context: 3}))
    for (const fusion of Object.keys(fusions) as Fusion[]) {
      const fused = applyFusion(graph, fusion)
      validateGraph(fused)
      for (const count of ['flops', 'macs', 'special'] as const)
        expect(total(fused, (n) => n.cost[count])).toBe(total(graph, (n) => n.cost[count]))
    }
    const fused = applyFusion(graph, 'attention').nodes.find((n) => n.kind === 'attention')!
    expect(fused.fusedFrom).toHaveLength(part === 'sinks' ? 3 : 4)
    const plain = attention.cost({batch: 1, seq: 7, cached: 3, heads: 32, kvHeads: 8, headDim: 128, causal: true})
    const pairs = 32 * keptPairs(7, 3, true)
    expect(fused.cost.flops - plain.flops).toBe({alibi: 2 * pairs, softcap: 3 * pairs, sinks: 4 * 32 * 7}[part])
  })
})

describe('blocks', () => {
  it('Gemma has a norm on both sides of each block, and scaled embeddings', () => {
    const ids = transformer(models['gemma-2-9b'].spec, tokens(2)).nodes.map((n) => n.id)
    for (const id of ['attn.norm', 'attn.post-norm', 'mlp.norm', 'mlp.post-norm', 'attn.softcap'])
      expect(ids).toContain(`layers.local.${id}`)
    expect(ids).toContain('embed.scale')
    expect(ids.at(-1)).toBe('lm_head.softcap')
  })

  it('Qwen3 and Gemma 3 norm every query and key head', () => {
    const graph = transformer(models['qwen3-8b'].spec, tokens(5))
    expect(nodeOf(graph, 'layers.attn.q-norm').dims).toEqual({rows: 5 * 32, width: 128})
    expect(nodeOf(graph, 'layers.attn.k-norm').dims).toEqual({rows: 5 * 8, width: 128})
  })

  it('parallel blocks share a norm', () => {
    const spec = models['llama-3-8b'].spec
    const graph = transformer({...spec, parallel: true}, tokens(4))
    validateGraph(graph)
    const norm = nodeOf(graph, 'layers.attn.norm').outputs[0]
    expect(nodeOf(graph, 'layers.mlp.up').inputs[0]).toBe(norm)
    expect(parameterCount(transformer(spec, tokens(4))).total - parameterCount(graph).total).toBe(32 * 4096)
  })

  it('a part of each head turns, the rest passes', () => {
    const dims = {batch: 1, seq: 1, heads: 1, kvHeads: 1, headDim: 2, plain: 3}
    const [q] = ropePartial.reference!(dims, [numbers(5), numbers(5, 2), Float64Array.from([0, 1])])
    close(q!, Float64Array.from([-numbers(5)[1]!, numbers(5)[0]!, ...numbers(5).subarray(2)]))
  })
})

describe('encoder–decoders', () => {
  const {spec} = models['whisper-base']
  const work = {batch: 1, seq: 1, context: 0, logits: 'last', tp: 1, srcSeq: 1500} as const

  it('the encoder runs once: a later step finds keys and values of the source in the cache', () => {
    const [first, later] = [encoderDecoder(spec, work), encoderDecoder(spec, {...work, context: 10})]
    expect(first.nodes.some((n) => n.id.startsWith('encoder.'))).toBe(true)
    expect(later.nodes.some((n) => n.id.startsWith('encoder.'))).toBe(false)
    expect(later.nodes.some((n) => n.id === 'decoder.layers.cross.k')).toBe(false)
    const kv = nodeOf(later, 'decoder.layers.cross.scores').cost.reads[1]!
    expect([kv.role, kv.elements]).toEqual(['kv', 1500 * 512])
    // the weights stay in memory
    expect(parameterCount(later)).toEqual(parameterCount(first))
  })

  it('the encoder alone costs what its closed form says (MACs without scores: 12·d² per token and layer)', () => {
    const graph = encoderDecoder(models['t5-base'].spec, {...work, srcSeq: 100})
    const macs = graph.nodes
      .filter((n) => n.id.startsWith('encoder.') && n.kind === 'linear')
      .reduce((sum, n) => sum + n.cost.macs * n.repeat, 0)
    expect(macs).toBe(12 * 100 * 12 * 768 ** 2)
    const attended = nodeOf(graph, 'encoder.layers.attn.scores').cost.macs
    expect(attended).toBe(100 * 100 * 768)
  })

  it('the audio stem halves the frames', () => {
    const graph = encoderDecoder(spec, work)
    expect(nodeOf(graph, 'encoder.conv1').cost.macs).toBe(3000 * 3 * 80 * 512)
    expect(nodeOf(graph, 'encoder.conv2').cost.macs).toBe(1500 * 3 * 512 * 512)
    expect(nodeOf(graph, 'encoder.conv2').cost.writes[0]!.elements).toBe(1500 * 512)
  })

  it.each(Object.keys(fusions) as Fusion[])('keeps its work under --fusion %s', (fusion) => {
    for (const context of [0, 5]) {
      const graph = encoderDecoder(models['t5-base'].spec, {...work, seq: 3, srcSeq: 20, context})
      const fused = applyFusion(graph, fusion)
      validateGraph(fused)
      expect(total(fused, (n) => n.cost.flops)).toBe(total(graph, (n) => n.cost.flops))
      if (fusion === 'attention') expect(fused.nodes.some((n) => n.kind === crossAttention.kind)).toBe(true)
    }
  })

  it('cross attention over one source token returns its value', () => {
    const dims = {batch: 1, seq: 3, source: 1, heads: 2, headDim: 2, stored: false}
    const v = numbers(4, 3)
    const [o] = crossAttention.reference!(dims, [numbers(12), numbers(4, 2), v])
    close(o!, Float64Array.from([...v, ...v, ...v]))
  })
})

describe('Mamba-2', () => {
  const d = {batch: 1, seq: 6, heads: 2, headDim: 2, state: 3, groups: 1}
  const inputs = (seq: number, seed = 1) => [
    numbers(seq * 4, seed),
    numbers(seq * 3, seed + 1),
    numbers(seq * 3, seed + 2),
    numbers(seq * 2, seed + 3),
  ]
  const own = [numbers(2, 7), numbers(2, 8), numbers(2, 9)]

  it('token by token gives what the whole sequence gives: the state is all there is', () => {
    const all = inputs(6)
    const [whole, last] = ssdScan.reference!(d, [...all, ...own, new Float64Array(12)])
    let state: Float64Array = new Float64Array(12)
    const parts: number[] = []
    for (let t = 0; t < 6; t++) {
      const one = all.map((x) => x.subarray((t * x.length) / 6, ((t + 1) * x.length) / 6))
      const [y, next] = ssdScan.reference!({...d, seq: 1}, [...one, ...own, state])
      parts.push(...y!)
      state = next!
    }
    close(Float64Array.from(parts), whole!)
    close(state, last!)
  })

  it('the short convolution continues from its state', () => {
    const dims = {batch: 1, seq: 5, channels: 2, taps: 3, bias: true}
    const [x, w, b] = [numbers(10), numbers(6, 2), numbers(2, 3)]
    const [whole, last] = shortConv.reference!(dims, [x, w, new Float64Array(4), b])
    const [front, state] = shortConv.reference!({...dims, seq: 2}, [x.subarray(0, 4), w, new Float64Array(4), b])
    const [back, end] = shortConv.reference!({...dims, seq: 3}, [x.subarray(4), w, state!, b])
    close(Float64Array.from([...front!, ...back!]), whole!)
    close(end!, last!)
  })

  it('grows linearly with the sequence, holds a state that does not', () => {
    const {spec} = models['mamba2-2.7b']
    const flops = (seq: number) => nodeOf(mamba2(spec, tokens(seq)), 'layers.scan').cost.flops
    expect(flops(2048)).toBe(8 * flops(256))
    const held = (seq: number) =>
      mamba2(spec, tokens(seq))
        .tensors.filter((t) => t.role === 'kv')
        .reduce((sum, t) => sum + t.elements * t.repeat, 0)
    expect(held(1)).toBe(64 * (5120 * 128 + 5376 * 3))
    expect(held(4096)).toBe(held(1))
  })

  it('linear attention continues from its state', () => {
    const dims = {batch: 1, seq: 4, heads: 1, keyDim: 2, valueDim: 3}
    const [q, k, v] = [numbers(8), numbers(8, 2), numbers(12, 3)]
    const [whole] = linearAttention.reference!(dims, [q, k, v, new Float64Array(6)])
    const half = (x: Float64Array, i: number) => x.subarray((i * x.length) / 2, ((i + 1) * x.length) / 2)
    const two = {...dims, seq: 2}
    const [a, state] = linearAttention.reference!(two, [half(q, 0), half(k, 0), half(v, 0), new Float64Array(6)])
    const [b] = linearAttention.reference!(two, [half(q, 1), half(k, 1), half(v, 1), state!])
    close(Float64Array.from([...a!, ...b!]), whole!)
  })
})
