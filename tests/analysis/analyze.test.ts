import {describe, expect, it} from 'vitest'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import {type Analysis, analysisSchema} from '../../src/analysis/document/analysis.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {type ModelDef, traitsOf} from '../../src/analysis/models/types.ts'
import {type Fusion, fusions} from '../../src/analysis/passes/index.ts'
import {canShare} from '../../src/analysis/workload.ts'
import {cpu, gpu} from './support/machines.ts'

const allModels: readonly ModelDef[] = Object.values(models)
const allMachines: readonly Machine[] = [...Object.values(machines), cpu, gpu]
const analyze = (id: keyof typeof models, machine: Machine = gpu, options: AnalyzeOptions = {}) =>
  analyzeModel(models[id], machine, options)

/** Every number in a document. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : []
}

function expectDocument(result: Analysis): void {
  expect(analysisSchema.parse(result)).toEqual(result)
  // the JSON is the document: nothing is lost on the way, no NaN became null
  expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  expect(numbersIn(result).every(Number.isFinite)).toBe(true)
}

describe('a document', () => {
  it.each(allMachines.map((machine) => [machine.id, machine] as const))('fits its schema on %s', (_, machine) => {
    for (const model of allModels) {
      const {generates, positions} = traitsOf(model)
      const phases = generates ? ['prefill', 'decode'] : ['forward']
      const seq = positions === null ? undefined : 5
      for (const phase of phases) {
        const dtype = machine === allMachines[0] ? 'int8' : undefined
        expectDocument(analyzeModel(model, machine, {phase, batch: 3, seq, dtype}).result)
      }
    }
  })

  it('has the published parameters, whatever the workload divides', () => {
    for (const model of allModels.filter((m) => m.published)) {
      const {parameters} = analyzeModel(model, gpu, {tp: canShare(traitsOf(model), 2) ? 2 : 1, batch: 2}).result.model
      expect(parameters.total).toBe(model.published!.parameters)
      expect(parameters.active).toBeLessThanOrEqual(parameters.total)
      expect(parameters.embedding).toBeLessThan(parameters.total)
    }
  })

  it('shows all four fusion levels, the chosen one in its totals', () => {
    for (const fusion of Object.keys(fusions) as Fusion[]) {
      const {result} = analyze('llama-3-8b', gpu, {fusion, seq: 256})
      expect(result.fusion.levels.map((level) => level.fusion)).toEqual(Object.keys(fusions))
      const level = result.fusion.levels.find((l) => l.fusion === fusion)!
      expect(level).toMatchObject({
        bytes: result.totals.bytes.DRAM,
        time: result.totals.time,
        bound: result.totals.bound,
      })
      expect(level.operators).toBe(result.operators.reduce((sum, op) => sum + op.repeat, 0))
      const bytes = Object.fromEntries(result.fusion.levels.map((l) => [l.fusion, l.bytes]))
      expect(bytes.all).toBeLessThan(bytes.attention!)
      expect(bytes.attention).toBeLessThan(bytes.none!)
    }
  })

  it('sets each fused operator beside its parts: bytes saved are the difference of the levels', () => {
    // long enough that a group has parts bound by arithmetic and parts bound by memory
    const {result} = analyze('llama-3-8b', gpu, {fusion: 'none', seq: 4096})
    expect(new Set(result.fusion.groups.map((group) => group.unfused.bound)).size).toBeGreaterThan(1)
    const ids = new Map(result.operators.map((op) => [op.id, op]))
    let saved = 0
    for (const group of result.fusion.groups) {
      const parts = group.parts.map((id) => ids.get(id)!)
      expect(group.unfused.bytes).toBe(parts.reduce((sum, op) => sum + op.bytes.DRAM! * op.repeat, 0))
      expect(group.unfused.time).toBeCloseTo(
        parts.reduce((sum, op) => sum + op.time.lower * op.repeat, 0),
        15,
      )
      const slowest = Math.max(...parts.map((op) => op.time.lower))
      expect(parts.find((op) => op.time.lower === slowest)!.bound).toBe(group.unfused.bound)
      expect(group.fused.bytes).toBeLessThan(group.unfused.bytes)
      expect(group.fused.time).toBeLessThanOrEqual(group.unfused.time)
      saved += group.unfused.bytes - group.fused.bytes
    }
    const bytes = Object.fromEntries(result.fusion.levels.map((l) => [l.fusion, l.bytes]))
    expect(saved).toBe(bytes.none! - bytes.all!)
  })

  it('states its conventions, and what attention does with masked pairs', () => {
    expect(analyze('gpt2', gpu, {fusion: 'none'}).result.assumptions.join('\n')).toContain('masked pairs are computed')
    const fused = analyze('gpt2').result.assumptions.join('\n')
    expect(fused).toContain('skips masked pairs')
    expect(fused).toContain('1 MAC = 2 FLOP')
  })

  it('is the same every time', () => {
    expect(analyze('llama-3-8b', cpu, {batch: 2})).toEqual(analyze('llama-3-8b', cpu, {batch: 2}))
  })
})

describe('ranking', () => {
  it('is empty for one machine; for several the fastest is first', () => {
    expect(analyze('gpt2').result.ranking).toEqual([])
    const {ranking} = analyze('llama-3-8b', machines['v100-sxm'], {
      against: [machines['h100-sxm'], machines.l4],
      phase: 'decode',
    }).result
    expect(ranking.map((rank) => rank.id)).toEqual(['h100-sxm', 'v100-sxm', 'l4'])
    for (const rank of ranking) {
      const alone = analyze('llama-3-8b', machines[rank.id as keyof typeof machines], {phase: 'decode'}).result.totals
      expect(rank).toMatchObject({time: alone.time, tokensPerSecond: alone.tokensPerSecond, bound: alone.bound})
    }
  })

  it('says what fits and what does not', () => {
    const {ranking} = analyze('llama-3-70b', machines['h200-sxm'], {
      against: [machines['h100-sxm'], gpu],
      seq: 8,
    }).result
    // 141.1 GB of weights: H200 has 141 GB, H100 80 GB; the round machine states no memory
    expect(Object.fromEntries(ranking.map((rank) => [rank.id, rank.fits]))).toEqual({
      'h200-sxm': false,
      'h100-sxm': false,
      round: null,
    })
  })
})

describe('warnings', () => {
  const codes = (outcome: {warnings: {code: string}[]}) => outcome.warnings.map((w) => w.code)

  it('are none where there is nothing to remark', () => {
    expect(analyze('llama-3-8b', machines['h100-sxm']).warnings).toEqual([])
  })

  it('name tokens beyond the positions of the model', () => {
    const {warnings, result} = analyze('gpt2', gpu, {seq: 1000, context: 25})
    expect(warnings).toMatchObject([
      {code: 'beyond-positions', message: expect.stringContaining('1,025 tokens exceed the 1,024 positions')},
    ])
    expect(result.totals.complete).toBe(true)
    expect(codes(analyze('gpt2', gpu, {seq: 1000, context: 24}))).toEqual([])
  })

  it('name the bytes that do not fit, and still answer', () => {
    const {warnings, result} = analyze('llama-3-70b', machines['h100-sxm'])
    const over = result.totals.memory.peak - 80e9
    expect(warnings).toMatchObject([{code: 'does-not-fit', message: expect.stringContaining(`${over} bytes`)}])
  })

  it('name what was asked for and changes nothing', () => {
    const idle = (id: Parameters<typeof analyze>[0], options: Parameters<typeof analyze>[2]) =>
      analyze(id, machines['h100-sxm'], options)
        .warnings.filter(({code}) => code === 'changes-nothing')
        .map(({message}) => message.replace('this changes nothing: ', ''))
    expect(idle('resnet50', {kvDtype: 'int8', logits: 'all', quantize: 'kv8'})).toEqual([
      '--kv-dtype int8 (resnet50 has no KV cache)',
      '--logits all (resnet50 has no LM head)',
      '--quantize (resnet50 has no operator that it changes)',
    ])
    expect(idle('gpt2', {phase: 'train', kvDtype: 'int8', freeze: ['embed', 'foo']})).toEqual([
      '--kv-dtype int8 (training has no KV cache)',
      '--freeze foo (no weight has such a name)',
    ])
    expect(idle('gpt2', {convAlgorithm: 'winograd', lowRank: '5000'})).toEqual([
      '--low-rank (gpt2 has no operator that it changes)',
      '--conv-algorithm winograd (gpt2 has no operator that it changes)',
    ])
    expect(idle('gpt2', {phase: 'train', freeze: ['layers.'], logits: 'all', lowRank: '8'})).toEqual([])
    expect(idle('gpt2', {quantize: 'w8,a8', kvDtype: 'int8', logits: 'all', prune: 'heads:0.5'})).toEqual([])
  })

  it('say that communication is left out', () => {
    expect(codes(analyze('llama-3-8b', machines['h100-sxm'], {tp: 2}))).toEqual(['communication-not-counted'])
  })

  it('pass on that a type computes wider, once', () => {
    expect(codes(analyze('llama-3-8b', machines['a100-80gb-sxm'], {dtype: 'fp8'}))).toEqual(['computes-wider'])
  })
})

describe('errors', () => {
  it('name the flag', () => {
    expect(() => analyze('gpt2', gpu, {batch: 0})).toThrow('--batch 0 is not a whole number from 1')
  })

  it('are not the answer to 32 prompts of the default length to Llama 3 70B: totals are rounded, and say so', () => {
    const {result, warnings} = analyze('llama-3-70b', machines['h100-sxm'], {batch: 32})
    expect(result.totals.flops).toBeGreaterThan(Number.MAX_SAFE_INTEGER)
    expect(warnings.map((w) => w.code)).toContain('rounded-totals')
    expect(result.operators.every((op) => Number.isSafeInteger(op.executedFlops))).toBe(true)
    expect(() => analysisSchema.parse(result)).not.toThrow()
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuse a launch overhead of %d', (launchOverhead) => {
    expect(() => analyze('gpt2', gpu, {launchOverhead})).toThrow('--launch-overhead')
  })
})
