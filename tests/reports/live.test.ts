import {describe, expect, it} from 'vitest'
import {controls, fromHash, recompute, situationOf, toHash} from '../../reports/live/settings.ts'
import {sourceOf} from '../../reports/live/source.ts'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {withDimensions} from '../../src/analysis/dimensions.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {cpu, sample, samples} from './support.ts'

const source = (document = sample()) => sourceOf(document).source!

describe.each(Object.entries(samples))('the source of a document: %s', (_name, make) => {
  it('gives the same document back when nothing is changed', () => {
    const document = make()
    const found = sourceOf(document)
    expect(found.reason).toBeUndefined()
    const again = recompute(found.source!, {}).document
    expect(again.result.operators).toEqual(document.result.operators)
    expect(again.result.totals.time).toEqual(document.result.totals.time)
    expect(again.result.ranking.map((rank) => rank.id)).toEqual(document.result.ranking.map((rank) => rank.id))
  })
})

describe('a document without a source', () => {
  it('says so for a model that nobody knows', () => {
    const document = sample()
    const foreign = {...document, result: {...document.result, model: {...document.result.model, id: 'mine'}}}
    expect(sourceOf(foreign).reason).toMatch(/does not embed/)
  })

  it('says so for the generic model with dimensions that it does not hold', () => {
    const model = withDimensions(models.transformer, {layers: 3})
    const {result, warnings} = analyzeModel(model, cpu)
    const document = {schema: 'ridgepoint/analysis@1', ok: true, result, warnings} as const
    expect(sourceOf(document).reason).toMatch(/other dimensions/)
    expect(sourceOf(document, {model}).source?.model).toBe(model)
  })
})

it('trains again, and leaves training for another phase', () => {
  const document = sample({model: 'gpt2', options: {phase: 'train', batch: 8, optimizer: 'sgd', recompute: 'full'}})
  const found = source(document)
  expect(recompute(found, {}).document.result.totals).toEqual(document.result.totals)
  expect(recompute(found, {batch: '16'}).document.result.workload.training?.optimizer).toBe('sgd')
  expect(recompute(found, {phase: 'decode'}).document.result.workload.training).toBeUndefined()
})

it('changes the head dimension, the training step and the numbers of the weights', () => {
  const free = source(sample({model: 'transformer', machine: cpu}))
  const wide = withDimensions(models.transformer, {headDim: 32})
  expect(recompute(free, {headDim: '32'}).document.result.totals).toEqual(analyzeModel(wide, cpu).result.totals)

  const options = {phase: 'train', batch: 8} as const
  const training = source(sample({model: 'gpt2', options}))
  const chosen = {optimizer: 'sgd', recompute: 'full'}
  expect(recompute(training, chosen).document.result.totals).toEqual(
    sample({model: 'gpt2', options: {...options, ...chosen}}).result.totals,
  )
  // left behind with the phase that knows it
  expect(recompute(training, {...chosen, phase: 'prefill'}).document.result.workload.training).toBeUndefined()

  const plain = source()
  expect(recompute(plain, {quantize: 'w4g128'}).document.result.totals).toEqual(
    sample({options: {quantize: 'w4g128'}}).result.totals,
  )
  const narrow = source(sample({options: {quantize: 'w4g128'}}))
  expect(recompute(narrow, {quantize: 'none'}).document.result.totals).toEqual(sample().result.totals)
})

it('compresses again', () => {
  const options = {quantize: 'w4g128'}
  const found = source(sample({options}))
  const again = recompute(found, {batch: '2'}).document.result.totals
  expect(again).toEqual(sample({options: {...options, batch: 2}}).result.totals)
})

it('routes again: the factors of a mixture are controls, and mean nothing to another model', () => {
  const found = source(sample({model: 'mixtral-8x7b', options: {seq: 64, imbalance: 1.5}}))
  const shown = (id: string) => controls.find((control) => control.id === id)!
  const now = situationOf(found)
  expect(shown('imbalance').value(now)).toBe('1.5')
  expect(shown('capacityFactor').value(now)).toBe('none')
  // no expert can have more than every token: 8 ÷ 2 times the mean
  expect(shown('imbalance').choices!(now, found).map(({id}) => id)).toEqual(['none', '1', '1.25', '1.5', '2', '3', '4'])
  const again = (settings: Record<string, string>) => recompute(found, settings).document.result
  expect(again({}).workload.routing).toEqual({imbalance: 1.5, capacityFactor: null})
  expect(again({imbalance: 'none'}).workload.routing).toBeUndefined()
  expect(again({capacityFactor: '1.25'}).workload.routing).toEqual({imbalance: 1.5, capacityFactor: 1.25})
  const other = recompute(found, {model: 'gpt2'})
  expect(other.document.result.workload.routing).toBeUndefined()
  expect(shown('imbalance').value(situationOf(other.source))).toBeUndefined()
})

it('keeps the launch overhead that the document was made with', () => {
  const launchOverhead = 5e-6
  const document = sample({options: {launchOverhead}})
  const found = sourceOf(document, {fixed: {launchOverhead}}).source!
  const again = recompute(found, {batch: '2'}).document.result.totals
  expect(again).toEqual(sample({options: {launchOverhead, batch: 2}}).result.totals)
})

describe('settings', () => {
  it.each([
    [
      {batch: '4', phase: 'decode', context: '512'},
      {phase: 'decode', batch: 4, context: 512},
    ],
    [
      {weights: 'int8', kv: 'fp8'},
      {weightsDtype: 'int8', kvDtype: 'fp8'},
    ],
    [
      {fusion: 'all', seq: '128'},
      {fusion: 'all', seq: 128},
    ],
    [{tp: '8'}, {tp: 8, count: 8}],
    [{count: '4'}, {count: 4, tp: 1}],
  ] as const)('do what the flags do: %o', (settings, options) => {
    const expected = sample({options}).result
    const {result} = recompute(source(), settings).document
    expect(result.totals).toEqual(expected.totals)
    expect(result.workload).toEqual(expected.workload)
  })

  it('choose another machine and another model', () => {
    const {result} = recompute(source(), {machine: 'mi300x', model: 'bert-base'}).document
    expect(result.machine.id).toBe('mi300x')
    expect(result.workload.phase).toBe('forward')
    expect(result.totals.flops).toBe(analyzeModel(models['bert-base'], machines.mi300x).result.totals.flops)
  })

  it('change the dimensions of the generic model, and what follows from them', () => {
    const generic = source(sample({model: 'transformer', machine: cpu}))
    const {model} = recompute(generic, {hidden: '1024', heads: '16'}).source
    expect(model.spec).toMatchObject({hidden: 1024, heads: 16, kvHeads: 16, headDim: 64, ffn: 4096, layers: 12})
    expect(() => recompute(generic, {heads: '7'})).toThrow(/7/)
  })

  it.each([
    [{batch: '1e3'}, /Batch takes a whole number .*"1e3"/],
    [{batch: '0'}, /--batch 0/],
    [{machine: 'toaster'}, /no machine "toaster"/],
    [{model: 'constructor'}, /no model "constructor"/],
    [{weights: 'f128'}, /f128/],
    [{fusion: 'toString'}, /toString/],
    [{phase: 'forward'}, /forward/],
  ] as const)('are refused in the words of the engine: %o', (settings, message) => {
    expect(() => recompute(source(), settings)).toThrow(message)
  })

  it('survive the address; what is no control does not', () => {
    const settings = {batch: '8', machine: 'a b&c=d'}
    expect(fromHash(`#${toHash(settings)}`)).toEqual(settings)
    expect(fromHash('#operators')).toEqual({})
    expect(fromHash('#batch=&constructor=1&__proto__=2')).toEqual({})
  })

  it('offer no control that means nothing to the model', () => {
    const shown = (document = sample()) => {
      const now = situationOf(source(document))
      return controls.filter((control) => control.value(now) !== undefined).map((control) => control.id)
    }
    expect(shown()).not.toContain('layers')
    expect(shown()).not.toContain('height')
    expect(shown(sample({model: 'transformer'}))).toContain('layers')
    expect(shown(sample({model: 'bert-base'}))).not.toContain('context')
  })
})
