import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {placementSchema} from '../../src/analysis/document/placement.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {parsePoints, place} from '../../src/analysis/place.ts'

const machine: Machine = machines['h100-sxm']
const analysis: Analysis = analyzeModel(models['llama-3-8b'], machine).result
const operator = (id: string) => analysis.operators.find((op) => op.id === id)!
const join = (text: string) => place(parsePoints(text, 'p', {joined: true}).points, machine, {join: analysis})

describe('joining an analysis', () => {
  it('puts measured seconds beside the operator: its FLOPs, its bytes, its bound', () => {
    const up = operator('layers.mlp.up')
    const seconds = 2 * up.time.lower
    const {result, warnings} = join(`name,seconds\nlayers.mlp.up,${seconds}\n`)
    expect(result.points[0]!.dtype).toBe('bf16')
    expect(placementSchema.parse(result)).toEqual(result)
    expect(result.points).toMatchObject([
      {
        name: 'layers.mlp.up',
        flops: up.flops,
        bytes: up.bytes.DRAM,
        seconds,
        intensity: up.intensity,
        achieved: up.flops / seconds,
        attainable: up.flops / up.time.lower,
        least: up.time.lower,
        efficiency: 0.5,
        bound: up.bound,
        verdict: 'ok',
        operator: {repeat: 32, lower: up.time.lower, upper: up.time.upper},
      },
    ])
    expect(result.join).toMatchObject({measured: seconds * 32, lower: up.time.lower * 32, share: up.share, unknown: []})
    expect(result.join!.unmeasured).toHaveLength(analysis.operators.length - 1)
    expect(result.dtype).toBe('bf16')
    expect(warnings).toEqual([])
  })

  it('an operator without FLOPs has a time, and no place on the chart', () => {
    const copy = operator('layers.attn.kv-write')
    const [point] = join(`name,seconds\n${copy.id},1e-3`).result.points
    expect(point).toMatchObject({flops: 0, attainable: null, achieved: null, least: copy.time.lower})
  })

  it('figures of a profiler win over those of the analysis', () => {
    const [point] = join('name,flops,bytes,seconds\nlm_head,2e9,3e9,1e-3').result.points
    expect(point).toMatchObject({flops: 2e9, bytes: 3e9, intensity: 2 / 3})
    const [half] = join('name,flops,bytes,seconds\nlm_head,,3e9,1e-3').result.points
    expect(half).toMatchObject({flops: operator('lm_head').flops, bytes: 3e9})
  })

  it('faster than the bound is implausible, and says what may be wrong', () => {
    const {result, warnings} = join('name,seconds\nlayers.mlp.up,1e-6')
    expect(result.points[0]).toMatchObject({
      verdict: 'implausible',
      reason: expect.stringMatching(/of one instance, of 32/),
    })
    expect(warnings.map(({code}) => code)).toEqual(['implausible'])
  })

  it('counts the fastest of several points of an operator', () => {
    const {result} = join('name,seconds\nlm_head,3e-3\nlm_head,2e-3\nlm_head,4e-3')
    expect(result.points).toHaveLength(3)
    expect(result.join!.measured).toBe(2e-3)
  })

  it('lists names that are no operators, and places those that bring their own figures', () => {
    const text = 'name,flops,bytes,seconds\nlm_head,,,2e-3\nlm_hed,,,1e-3\nmy-kernel,1e9,1e9,1e-3\n'
    const {result, warnings} = join(text)
    expect(result.points.map(({name, operator}) => [name, operator !== undefined])).toEqual([
      ['lm_head', true],
      ['my-kernel', false],
    ])
    expect(result.join!.unknown).toEqual(['lm_hed', 'my-kernel'])
    expect(warnings[0]).toMatchObject({
      code: 'unknown-operators',
      message: expect.stringContaining('did you mean "lm_head"?'),
    })
  })

  it('refuses points of which none is an operator', () => {
    const error = (() => {
      try {
        join('name,seconds\nlm_hed,1\n')
      } catch (thrown) {
        return thrown
      }
    })() as AnalysisError
    expect(error).toBeInstanceOf(AnalysisError)
    expect(error.exitCode).toBe(3)
    expect(error.message).toContain('"lm_hed"')
    expect(error.suggestions.join()).toMatch(/did you mean "lm_head".*operators: embed, .*nvtx/s)
  })

  it('seconds are never left out, and without an analysis neither are FLOPs and bytes', () => {
    expect(() => join('name,flops\nlm_head,1')).toThrow('no column seconds')
    expect(() => join('name,seconds\nlm_head,')).toThrow('seconds is missing')
    expect(() => parsePoints('name,seconds\nlm_head,1', 'p')).toThrow('no column flops')
  })
})
