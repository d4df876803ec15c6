import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {Ceiling} from '../../src/analysis/document/machine.ts'
import {machineJson, parseMachine} from '../../src/analysis/importers/machine-file.ts'
import {entryOf} from '../../src/kernels/bench.ts'
import {ceilingOf} from '../../src/kernels/ceilings.ts'
import {issueOf, issueTask, issueTurn, nameNeighbours, neighbourOf, perCycle} from '../../src/kernels/issue.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {openBare} from '../../src/kernels/opening.ts'
import {roofFor} from '../../src/kernels/place.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {calibrate} from '../../src/kernels/rounds.ts'
import {measure, setUp, withSession} from '../../src/kernels/run.ts'
import {decidingCeilings, probeRoom, type TurnCeiling} from '../../src/kernels/turns.ts'
import {bandwidth, compute, machineOf} from './made-up.ts'

const fma = compute('fma', 1e11, 1)
const issue = (threads: number, perCycle = 6): Ceiling => ({
  id: `issue-t${threads}`,
  kind: 'issue',
  threads,
  value: perCycle * 3e9 * threads,
  unit: 'instr/s',
  clockHz: 3e9,
  verdict: 'ok',
  provenance: fma.provenance,
})
const read = (level: 'L1' | 'DRAM', value: number) => bandwidth('read', level, value, 1)
const machine = machineOf(fma, read('L1', 2e11), read('DRAM', 2e10), issue(1))
const without = {...machine, ceilings: machine.ceilings.filter(({kind}) => kind !== 'issue')}

describe('a neighbour on the core', () => {
  test('is seen where half of the turns have less than nine tenths of the most', () => {
    expect(neighbourOf({perCycle: 5.41, best: 6})).toBeUndefined()
    expect(neighbourOf({perCycle: 5.39, best: 6})).toContain('about 10 % of its instruction slots')
    expect(neighbourOf({perCycle: 3.9, best: 6})).toBe(
      'another hardware thread of the core took about 35 % of its instruction slots (3.9 instructions per cycle beside it, 6.0 at best)',
    )
    // a profile taken beside one knows no better
    expect(neighbourOf({perCycle: 6, best: 4})).toBeUndefined()
  })

  test('of samples the median counts: neither a visit nor a moment without one', () => {
    const seen = (samples: readonly number[]) => issueOf(samples, machine, 1)
    expect(seen([6, 6, 3, 6, 3])).toEqual({perCycle: 6, best: 6, samples: 5})
    expect(seen([3, 6, 3, 3, 6])).toEqual({perCycle: 3, best: 6, samples: 5})
    expect(seen([])).toBeUndefined()
    expect(issueOf([6], machine, 2)).toBeUndefined()
    expect(issueOf([3], {ceilings: [issue(2, 5)]}, 2)).toEqual({perCycle: 3, best: 5, samples: 1})
    expect(issueOf([6], without, 1)).toBeUndefined()
  })

  test('the clock does not matter, nor what is taken away in one of two repetitions', () => {
    const quiet = perCycle({rates: [18e9, 18e9, 9e9, 9e9], clockHz: [3e9, 3e9, 1.5e9, 1.5e9]}, 2, 1)
    expect(quiet).toEqual([6, 6])
    expect(perCycle({rates: [18e9, 2e9, 18e9, 18e9], clockHz: [3e9, 3e9, 1e9, 3e9]}, 2, 1)).toEqual([6, 6])
    expect(perCycle({rates: [36e9, 36e9], clockHz: [3e9, 3e9]}, 2, 2)).toEqual([6])
    expect(perCycle({rates: [], clockHz: []}, 2, 1)).toEqual([])
  })

  test('whatever the samples, what it says is of the most', () => {
    const rate = fc.double({min: 0.1, max: 12, noNaN: true})
    fc.assert(
      fc.property(fc.array(rate, {minLength: 1}), rate, (samples, best) => {
        const seen = issueOf(samples, {ceilings: [issue(1, best)]}, 1)!
        expect(neighbourOf(seen) !== undefined).toBe(seen.perCycle < 0.9 * seen.best)
      }),
    )
  })
})

describe('the verdict of a kernel', () => {
  const program = kernels.gemm.program([64, 64, 64])
  const allowed = (2 * 64 ** 3) / 1e11
  const entry = (
    share: number,
    issued: number[],
    by = machine,
    rates = Array<number>(20).fill(share / allowed),
    turn: TurnCeiling[] = [],
  ) =>
    entryOf(
      kernels.gemm,
      [64, 64, 64],
      program,
      {rates, counters: null, turn, issued},
      0,
      {isa: 'avx2', threads: 1},
      by,
    )

  test('is throttled beside a neighbour, with what that took', () => {
    expect(entry(0.74, Array(20).fill(4))).toMatchObject({
      verdict: 'throttled',
      reason: expect.stringMatching(/^another hardware thread of the core took about 33 %/),
      issue: {perCycle: 4, best: 6, samples: 20},
    })
    expect(entry(0.74, Array(20).fill(5.9)).verdict).toBe('ok')
  })

  test('is what it is for a kernel that reached its roof all the same, and where the profile knows no most', () => {
    expect(entry(0.96, Array(20).fill(4)).verdict).toBe('ok')
    // or its roof in turn
    const lower = {id: 'fma-f32-t1', best: 9e10, median: 9e10, samples: 20, rates: Array<number>(20).fill(9e10)}
    expect(entry(0.88, Array(20).fill(4), machine, undefined, [lower]).verdict).toBe('ok')
    expect(entry(0.74, Array(20).fill(4), without)).not.toHaveProperty('issue')
    expect(entry(0.74, Array(20).fill(4), without).verdict).toBe('ok')
    expect(entry(0.74, []).verdict).toBe('ok')
    // a roof that is too low stays what is wrong
    expect(entry(1.2, Array(20).fill(4)).verdict).toBe('implausible')
  })

  test('names what else is amiss behind it', () => {
    const rates = Array.from({length: 20}, (_, i) => (0.7 + i / 100) / allowed)
    expect(entry(0.7, Array(20).fill(4), machine, rates).reason).toMatch(/at best\); of 20 samples the 3 best/)
  })
})

describe('the ceiling', () => {
  test('is no roof, and a machine file keeps it', () => {
    const roof = roofFor(machine, [kernels.relu.program([1000])], 1)!
    expect(roof.bandwidth(['copy'])[0]!.kind).toBe('bandwidth')
    expect(decidingCeilings(machine, [kernels.relu.program([1000])], 1).map(({kind}) => kind)).not.toContain('issue')
    expect(parseMachine(JSON.stringify(machineJson(machine)), 'test').ceilings.at(-1)).toEqual(issue(1))
  })

  test('says instructions per cycle in its model line, and is noisy where a quarter of the samples have fewer', () => {
    const made = {source: 'test', date: '2026-11-22'}
    const of = (rates: number[]) =>
      ceilingOf(
        issueTask('avx2', 2),
        new Map([['issue-t2', {rates, clockHz: rates.map(() => 3e9), tried: true, passes: 1}]]),
        made,
      )
    expect(of(Array(40).fill(35.7e9))).toMatchObject({
      verdict: 'ok',
      value: 35.7e9,
      model: 36e9,
      modelText: '6.0 instructions per cycle × 3.00 GHz × 2 threads = 36.0 Ginstr/s',
    })
    expect(of(Array.from({length: 40}, (_, i) => (i % 3 === 0 ? 20e9 : 35.7e9)))).toMatchObject({
      verdict: 'noisy',
      reason: expect.stringContaining('neighbour'),
    })
  })

  test('names the neighbour beside what was noisy and needs the core alone', () => {
    const noisy = (c: Ceiling): Ceiling => ({...c, verdict: 'noisy', reason: 'it varied'})
    const reasons = (perCycle: number) => {
      const rates = Array<number>(30).fill(perCycle * 3e9)
      const series = new Map([['issue-t1', {rates, clockHz: rates.map(() => 3e9), tried: true, passes: 1}]])
      return nameNeighbours([fma, noisy(fma), noisy(read('L1', 1)), noisy(read('DRAM', 1)), issue(1)], series).map(
        ({reason}) => reason?.slice(0, 45),
      )
    }
    expect(reasons(6)).toEqual([undefined, 'it varied', 'it varied', 'it varied', undefined])
    const named = 'it varied; for half of the run another hardwa'
    expect(reasons(4)).toEqual([undefined, named, named, 'it varied', undefined])
  })
})

describe('the probe', () => {
  const {isas, allowed} = loadNative().cpu()
  const isa = isas.at(-1)!.name

  test.each(
    allowed > 1 ? [1, 2] : [1],
  )('takes in between 1 and 12 instructions per cycle, on %d threads', async (threads) => {
    const {session, close} = await openBare(loadNative(), threads, undefined)
    try {
      const {spec} = issueTask(isa, threads).tasks[0]!
      const passes = (await calibrate(session.sample.bind(session), spec, 0.0004))!.passes
      const {seconds, clockHz, work} = await session.sample({...spec, passes, repetitions: 30})
      expect(work).toBe(96 * passes * threads)
      const found = perCycle({rates: [...seconds].map((took) => work / took), clockHz: [...clockHz]}, 30, threads)
      expect(found[0]).toBeGreaterThan(1)
      expect(found[0]).toBeLessThan(12)
    } finally {
      close()
    }
  })

  test('runs once a turn beside a kernel, two repetitions of 0.3 ms, where the profile knows the most', async () => {
    expect(issueTurn(without, isa, 1)).toEqual([])
    expect(issueTurn(machine, isa, 2)).toEqual([])
    expect(issueTurn(machine, isa, 1)).toMatchObject([
      {tasks: [{drifts: false, repetitionSeconds: 0.0003, spec: {repetitions: 2, clock: true, threads: 1}}]},
    ])
    const profile = {...machine, ceilings: machine.ceilings.map((c) => (c.kind === 'issue' ? c : {...c, isa}))}
    const setup = setUp({machine: profile, threads: 1})
    const program = kernels.gemm.program([64, 64, 64])
    const effort = {repetitionSeconds: 0.001, rounds: 3, extraRounds: 0, budgetSeconds: 1}
    const room = probeRoom(decidingCeilings(profile, [program], 1), 1, 2 ** 30)
    await withSession(setup, undefined, room, async (opened) => {
      const [beside] = (await measure(opened, [program], setup, {machine: profile}, effort)).values()
      expect(beside!.issued).toHaveLength(beside!.rates.length)
      expect(beside!.turn.map(({id}) => id)).not.toContain('issue-t1')
      const [alone] = (await measure(opened, [program], setup, {machine: without}, effort)).values()
      expect(alone!.issued).toEqual([])
    })
  })
})
