import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {models} from '../../src/analysis/models/index.ts'
import {MAX_SIZE, productType, resolveWorkload, type WorkloadOptions, wholeNumber} from '../../src/analysis/workload.ts'
import {failure} from './support/failure.ts'

function refusal(run: () => unknown): AnalysisError {
  const refused = failure(run)
  // the next step is always named
  expect(refused.suggestions.length).toBeGreaterThan(0)
  expect(refused.exitCode).toBe(2)
  return refused
}

type Id = keyof typeof models
const resolve = (id: Id, options: WorkloadOptions = {}) => resolveWorkload(models[id], options)
const refused = (id: Id, options: WorkloadOptions) => refusal(() => resolve(id, options))

describe('defaults', () => {
  it('are those of the contract', () => {
    expect(resolve('llama-3-8b')).toEqual({
      phase: 'prefill',
      batch: 1,
      seq: 2048,
      context: 0,
      logits: 'last',
      dtype: {weights: 'bf16', activations: 'bf16', kv: 'bf16'},
      fusion: 'attention',
      count: 1,
      tp: 1,
      image: null,
      srcSeq: null,
      graph: null,
    })
    expect(resolve('llama-3-8b', {phase: 'decode'})).toMatchObject({phase: 'decode', seq: 1, context: 2048})
    // never longer than the model's positions
    expect(resolve('gpt2')).toMatchObject({seq: 1024, dtype: {weights: 'f32', activations: 'f32', kv: 'f32'}})
    expect(resolve('bert-base')).toMatchObject({phase: 'forward', seq: 512, context: 0})
  })

  it('give way to what is asked', () => {
    const asked = {phase: 'decode', batch: 7, seq: 3, context: 99, logits: 'all', fusion: 'none'} as const
    expect(resolve('mistral-7b', asked)).toMatchObject(asked)
  })

  it('let weights and cache have their own types', () => {
    const {dtype} = resolve('gpt2', {dtype: 'bf16', weightsDtype: 'int4', kvDtype: 'fp8'})
    expect(dtype).toEqual({weights: 'int4', activations: 'bf16', kv: 'fp8'})
  })

  it('share each layer over all devices unless told otherwise', () => {
    expect(resolve('llama-3-70b', {count: 8})).toMatchObject({count: 8, tp: 8})
    expect(resolve('llama-3-70b', {tp: 4})).toMatchObject({count: 4, tp: 4})
    expect(resolve('llama-3-70b', {count: 16, tp: 8})).toMatchObject({count: 16, tp: 8})
  })
})

describe('sizes', () => {
  const flags = {batch: '--batch', seq: '--seq', context: '--context', tp: '--tp'} as const
  const bad = [-1, 0.5, 1e30, Number.NaN, Number.POSITIVE_INFINITY, MAX_SIZE + 1]

  it.each(
    Object.entries(flags).flatMap(([name, flag]) => bad.map((value) => [flag, value, name] as const)),
  )('%s %d is refused by name and value', (flag, value, name) => {
    const error = refused('llama-3-8b', {[name]: value})
    expect(error.code).toBe('bad-flag')
    expect(error.message).toMatch(new RegExp(`^${flag} `))
    expect(error.message).toContain(`${flag} ${value} is not a whole number`)
  })

  it.each(['batch', 'seq', 'tp'] as const)('%s 0 is refused, a context of 0 is not', (name) => {
    expect(refused('llama-3-8b', {[name]: 0}).message).toContain(`--${name} 0 is not a whole number from 1`)
    expect(resolve('llama-3-8b', {context: 0}).context).toBe(0)
  })

  it.each([0, ...bad])('--count %d is refused by name and value', (count) => {
    expect(refused('llama-3-8b', {count}).message).toContain(`--count ${count} is not a whole number`)
  })

  it('are whole numbers from the least to 1e9', () => {
    fc.assert(
      fc.property(fc.double(), fc.integer({min: 0, max: 5}), (value, min) => {
        const fine = Number.isInteger(value) && value >= min && value <= 1e9
        if (fine) expect(wholeNumber(value, '--x', min)).toBe(value)
        else expect(() => wholeNumber(value, '--x', min)).toThrow(AnalysisError)
      }),
    )
  })
})

describe('phases', () => {
  it('are prefill and decode for models that generate, forward for others', () => {
    expect(refused('gpt2', {phase: 'forward'})).toMatchObject({
      code: 'bad-phase',
      suggestions: ['use --phase prefill or --phase decode or --phase train'],
    })
    const error = refused('bert-base', {phase: 'decode'})
    expect(error.code).toBe('bad-phase')
    expect(error.message).toBe('--phase decode does not apply to bert-base: bert-base does not generate')
    expect(resolve('bert-base', {phase: 'forward'}).phase).toBe('forward')
  })

  it('include training, of all tokens and without a cache', () => {
    expect(resolveWorkload(models.gpt2, {phase: 'train'})).toMatchObject({logits: 'all', context: 0})
    expect(refused('gpt2', {phase: 'train', context: 5}).message).toContain('training')
    expect(refused('gpt2', {phase: 'train', logits: 'last'}).message).toContain('training')
    expect(refused('gpt2', {recompute: 'full'}).message).toContain('--recompute does not apply to prefill')
  })

  it('of an encoder have no context', () => {
    const error = refused('bert-base', {context: 5})
    expect(error).toMatchObject({code: 'bad-flag', suggestions: ['leave --context out']})
    expect(error.message).toContain('--context 5')
  })
})

describe('fusion', () => {
  it('is one of four levels', () => {
    // a caller without types may pass anything
    const options = JSON.parse('{"fusion": "everything"}') as WorkloadOptions
    expect(refused('gpt2', options)).toMatchObject({
      code: 'bad-flag',
      message: '--fusion "everything" is not known',
      suggestions: ['use one of none, elementwise, attention, all'],
    })
  })

  it('is not the name of an inherited property', () => {
    expect(refused('gpt2', JSON.parse('{"fusion": "toString"}') as WorkloadOptions).code).toBe('bad-flag')
  })
})

describe('devices', () => {
  it('in all are a multiple of those that share a layer', () => {
    const error = refused('llama-3-8b', {count: 6, tp: 4})
    expect(error).toMatchObject({code: 'bad-flag', message: '--count 6 is not a multiple of --tp 4'})
    expect(error.suggestions).toEqual(['use --count 8'])
  })

  it('divide the heads and the FFN', () => {
    const error = refused('llama-3-8b', {tp: 3})
    expect(error.code).toBe('bad-dimension')
    expect(error.message).toBe('--tp 3 does not divide heads = 32 of llama-3-8b')
    expect(error.suggestions).toEqual(['use --tp 2, 4, 8, 16, 32'])
    // 28 heads
    expect(refused('qwen2.5-7b', {tp: 8}).suggestions).toEqual(['use --tp 2, 4'])
  })

  it('may outnumber the KV heads, but not divide them unevenly', () => {
    expect(resolve('llama-3-70b', {tp: 16}).tp).toBe(16)
    const odd = {...models['llama-3-8b'], id: 'odd', spec: {...models['llama-3-8b'].spec, heads: 24, kvHeads: 6}}
    expect(refusal(() => resolveWorkload(odd, {tp: 4})).message).toBe('--tp 4 does not divide kvHeads = 6 of odd')
  })
})

describe('productType', () => {
  it('is the wider of both, the activations’ where they tie', () => {
    expect(productType('int4', 'bf16')).toBe('bf16')
    expect(productType('f32', 'bf16')).toBe('f32')
    expect(productType('f16', 'bf16')).toBe('bf16')
    expect(productType('fp8', 'int8')).toBe('int8')
  })
})
