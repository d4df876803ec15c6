/** Activations that backward computes again: which, what it costs and saves. */
import {describe, expect, it} from 'vitest'
import {analysisText} from '../../../reports/text/analysis.ts'
import {memory} from '../../../reports/views/memory.ts'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {chooseRows} from '../../../src/analysis/rows.ts'
import {h100, ids, step, train} from '../support/training.ts'

describe('recomputation', () => {
  it('executes the forward pass of the layers again, and hfu says so', () => {
    const none = train(models.gpt2, {fusion: 'none'})
    const full = train(models.gpt2, {fusion: 'none', recompute: 'full'})
    const layers = none.operators.filter(({id}) => id.startsWith('layers.') && !/grad|accumulate/.test(id))
    const again = layers.reduce((sum, op) => sum + op.executedFlops * op.repeat, 0)
    expect(full.totals.executedFlops - none.totals.executedFlops).toBe(again)
    expect(full.training!.flops.recomputed).toBe(again)
    expect(full.training!.hfu!).toBeGreaterThan(full.totals.mfu!)
    expect(full.totals.memory.activations).toBeLessThan(none.totals.memory.activations)
    expect(full.totals.time.lower).toBeGreaterThan(none.totals.time.lower)
  })

  it('of the attention core needs no more than the core', () => {
    const order = ids(models.gpt2, {fusion: 'none', recompute: 'selective'})
    expect(order.filter((id) => id.endsWith('.recompute'))).toEqual([
      'layers.attn.scores.recompute',
      'layers.attn.softmax.recompute',
      'layers.attn.values.recompute',
    ])
    expect(ids(models.gpt2, {recompute: 'selective'}).filter((id) => id.endsWith('.recompute'))).toEqual([])
  })

  it('of whole layers keeps the input of each, also where layers of two kinds alternate', () => {
    // 2·s·b·h of each of the 42 layers, and of the last one's result (Korthikanti et al. 2022, table 2)
    for (const [id, layers] of [
      ['gemma-2-9b', 42],
      ['gpt-oss-20b', 24],
      ['deepseek-v2-lite', 27],
    ] as const) {
      const {saved} = step(models[id], {recompute: 'full'})
      const {hidden} = models[id].spec
      const streams = saved.filter(({elements, operator}) => elements === 64 * hidden && operator !== 'norm')
      expect(streams.reduce((sum, {repeat}) => sum + repeat, 0)).toBe(layers + 1)
      expect(streams.every(({bytes}) => bytes === 2 * 64 * hidden)).toBe(true)
    }
  })

  it('of whole layers takes the blocks of image models, repeated or not', () => {
    for (const id of [
      'resnet18',
      'densenet121',
      'vgg16',
      'squeezenet1-1',
      'swin-t',
      'efficientnet-b0',
      'sd-1.5-unet',
    ] as const) {
      const [none, full] = [train(models[id], {seq: undefined}), train(models[id], {seq: undefined, recompute: 'full'})]
      expect(full.training!.savedBytes).toBeLessThan(none.training!.savedBytes / 1.5)
      expect(full.training!.flops.recomputed).toBeGreaterThan(0.6 * full.training!.flops.forward)
      expect(full.totals.flops).toBe(none.totals.flops)
    }
    // of ResNet-18: stem and head, and what each of its eight blocks hands to the next
    const inputs = step(models.resnet18, {seq: undefined, recompute: 'full'}).saved.filter(({operator}) =>
      operator.endsWith('.relu'),
    )
    expect(inputs.map(({operator}) => operator).slice(0, 3)).toEqual([
      'layer1.0.relu',
      'layer1.1.relu',
      'layer2.0.relu',
    ])
    expect(inputs).toHaveLength(7)
  })

  it('of the attention core takes cross attention too', () => {
    const {graph, saved} = step(models['t5-base'], {fusion: 'none', recompute: 'selective'})
    const again = graph.nodes.flatMap(({id}) => (id.endsWith('.recompute') ? [id] : []))
    for (const part of ['scores', 'softmax', 'values'])
      expect(again).toContain(`decoder.layers.cross.${part}.recompute`)
    expect(saved.filter(({operator}) => /softmax|scores/.test(operator))).toEqual([])
  })

  it('that finds nothing to compute again says so', () => {
    const said = (id: 'gpt2' | 'mamba2-130m' | 'logistic-regression' | 't5-base', recompute: string) =>
      analyzeModel(models[id], h100, {phase: 'train', recompute}).warnings.flatMap(({code, message}) =>
        code === 'nothing-recomputed' ? [message] : [],
      )
    expect(said('gpt2', 'selective')).toEqual([expect.stringContaining('(--fusion none keeps them)')])
    expect(said('mamba2-130m', 'selective')).toEqual([expect.stringContaining('no scores of attention')])
    expect(said('logistic-regression', 'full')).toEqual([expect.stringContaining('no layers or blocks')])
    expect(said('gpt2', 'full')).toEqual([])
    // relative position bias is trained through scores in memory, whatever the fusion level
    expect(said('t5-base', 'selective')).toEqual([])
  })

  it('writes masks and row statistics once: where they are read', () => {
    const {graph} = step(models.gpt2, {recompute: 'full', dropout: true})
    const masks = graph.nodes.filter(({outputs}) => outputs.some(({name}) => /mask|log-sum-exp/.test(name)))
    expect(masks.map(({id}) => id)).toEqual([
      'loss',
      'layers.attn.scores+softmax+values.recompute',
      'layers.attn.out-dropout.recompute',
      'layers.mlp.down-dropout.recompute',
    ])
  })

  it('offloads to the host over a link, and keeps one layer on the device', () => {
    const here = train(models.gpt2)
    const away = train(models.gpt2, {offload: 64e9})
    expect(away.training!.offload).toEqual({
      bytes: here.training!.savedBytes,
      bandwidth: 64e9,
      seconds: (2 * here.training!.savedBytes) / 64e9,
      operators: here.totals.time.lower,
    })
    expect(away.totals.memory.activations).toBeLessThan(here.totals.memory.activations)
  })

  it('takes the longer of link and operators at best, and both at worst', () => {
    const here = train(models.gpt2).totals
    const [slow, fast] = [train(models.gpt2, {offload: 1e9}), train(models.gpt2, {offload: 1e15})]
    const seconds = slow.training!.offload!.seconds
    expect(seconds).toBeGreaterThan(here.time.lower)
    expect(slow.totals.time).toMatchObject({lower: seconds, upper: here.time.upper + seconds})
    expect(slow.totals.bound).toBe('offload-link')
    expect(slow.totals.mfu).toBeCloseTo((here.mfu! * here.time.lower) / seconds, 10)
    expect(slow.operators.reduce((sum, {share}) => sum + share, 0)).toBeCloseTo(here.time.lower / seconds, 10)
    expect(slow.summary.limit).toMatch(/^Link: offloaded activations take/)
    expect(fast.totals.time.lower).toBe(here.time.lower)
    expect(fast.totals.bound).toBe(here.bound)
    expect(() => analysisSchema.parse(slow)).not.toThrow()
  })

  it('promises no saving of operators that wait for the link in any case', () => {
    const advice = train(models.gpt2, {offload: 1e9, fusion: 'none'}).advice
    expect(advice.filter(({rule}) => rule === 'fuse-chain')).toEqual([])
    expect(train(models.gpt2, {fusion: 'none'}).advice.some(({rule}) => rule === 'fuse-chain')).toBe(true)
  })

  it('is in the memory view and in the terminal', () => {
    const result = train(models.gpt2, {offload: 1e9})
    const kept = /wait in the memory of the host: .* over the link of 1 GB\/s, there and back\. The step waits for it/
    expect(memory.describe(result)).toMatch(kept)
    const view = {color: false, width: 120, chart: false, ...chooseRows(result, {})}
    expect(analysisText(result, view)).toMatch(/offload.*there and back at 1 GB\/s/)
  })
})
