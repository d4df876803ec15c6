import {describe, expect, test} from 'vitest'
import type {Sample, SampleSpec} from '../../src/kernels/native.ts'
import {calibrate, runRounds, type Sampler, type Task} from '../../src/kernels/rounds.ts'
import {sampleOf} from './made-up.ts'

const spec = sampleOf({probe: 'fma-f32', isa: 'sse'})
const task = (id: string): Task => ({id, label: id, spec: {...spec}, calibrate: true})

/** A machine whose probes run `rate` passes per second, on a clock that the samples themselves advance. */
function fake(rate: (call: number) => number) {
  const calls: SampleSpec[] = []
  let time = 0
  const sampler: Sampler = async (asked): Promise<Sample> => {
    calls.push(asked)
    const seconds = Float64Array.from({length: asked.repetitions}, () => asked.passes / rate(calls.length))
    for (const took of seconds) time += took
    return {seconds, clockHz: new Float64Array(0), work: asked.passes}
  }
  return {sampler, calls, now: () => time}
}

const options = {repetitionSeconds: 0.001, rounds: 10, extraRounds: 10, budgetSeconds: 1e9}

describe('calibrate', () => {
  test('gives up at once where another clock says that the sample took long, or where it has no repetition', async () => {
    let calls = 0
    const slow = async () => {
      calls++
      await new Promise((resolve) => setTimeout(resolve, 120))
      return {seconds: new Float64Array(1), clockHz: new Float64Array(), work: 1}
    }
    expect(await calibrate(slow, spec, 0.001)).toBeUndefined()
    expect(calls).toBe(1)
    const none = async () => ({seconds: new Float64Array(), clockHz: new Float64Array(), work: 1})
    expect(await calibrate(none, spec, 0.001)).toBeUndefined()
  })
  test.each([1, 1e3, 1e6, 1e9, 1e12])('at %d passes per second a repetition comes near its length', async (rate) => {
    const passes = (await calibrate(fake(() => rate).sampler, spec, 0.001))!.passes
    expect(passes).toBeGreaterThanOrEqual(Math.max(1, Math.floor(rate * 0.0009)))
    expect(passes).toBeLessThanOrEqual(Math.max(1, Math.ceil(rate * 0.0011)))
  })

  test('one sample that waited for another process does not leave a repetition at a single pass', async () => {
    // 100 µs a pass; the first sample takes 8 ms, or the third
    for (const late of [1, 3]) {
      const {sampler} = fake((call) => (call === late ? 1 / 0.008 : 1e4))
      expect((await calibrate(sampler, spec, 0.001))?.passes, `late ${late}`).toBeGreaterThanOrEqual(8)
    }
    // what is long by itself is sampled no more often than before
    const long = fake(() => 1 / 0.3)
    expect((await calibrate(long.sampler, spec, 0.001))?.passes).toBe(1)
    expect(long.calls).toHaveLength(1)
  })

  test('what is still short at the most passes that the sampler runs is measured at those', async () => {
    // an empty kernel of 1 µs, of which 4,096 go into one submission: 4 ms where 10 are wanted
    const capped = async ({passes}: {passes: number}) => {
      const times = Math.min(passes, 4096)
      return {seconds: Float64Array.of(times * 1e-6), clockHz: new Float64Array(), work: times}
    }
    expect(await calibrate(capped, spec, 0.01)).toBeUndefined()
    expect((await calibrate(capped, spec, 0.01, undefined, 4096))?.passes).toBe(4096)
    const series = await runRounds(capped, [{...task('launch'), mostPasses: 4096}], {
      ...options,
      repetitionSeconds: 0.01,
    })
    expect(series.get('launch')!.rates[0]).toBeCloseTo(1e6, 0)
    // one that takes no time at any number is still given up
    const still = async () => ({seconds: new Float64Array(1), clockHz: new Float64Array(), work: 1})
    expect(await calibrate(still, spec, 0.01, undefined, 4096)).toBeUndefined()
  })

  test('a clock that stands still ends in undefined, not in an endless loop', async () => {
    expect(await calibrate(fake(() => Number.POSITIVE_INFINITY).sampler, spec, 0.001)).toBeUndefined()
  })
})

describe('runRounds', () => {
  test('the first round is three repetitions of each, so that a slow machine comes round once', async () => {
    const {sampler, calls, now} = fake(() => 1e6)
    const often = {...task('a'), calibrate: false, spec: {...spec, repetitions: 20, passes: 1000}}
    await runRounds(sampler, [often], {...options, rounds: 3, extraRounds: 0, now})
    expect(calls.map(({repetitions}) => repetitions)).toEqual([3, 20, 20])
  })

  test('a repetition as long as the last of calibration is the first turn: none is taken twice', async () => {
    const {sampler, calls, now} = fake(() => 1 / 0.03)
    const once = {...task('a'), spec: {...spec, repetitions: 1}}
    const series = await runRounds(sampler, [once], {...options, budgetSeconds: 0, now})
    expect(series.get('a')).toMatchObject({passes: 1, tried: true})
    expect(series.get('a')!.rates).toHaveLength(3)
    expect(calls).toHaveLength(3)
    // where it has to have another length, or with a clock beside it, it is none
    const short = fake(() => 1.7e6)
    await runRounds(short.sampler, [once], {...options, budgetSeconds: 0, now: short.now})
    expect(short.calls.slice(-3).map(({passes}) => passes)).toEqual([1700, 1700, 1700])
    expect(short.calls.at(-4)!.passes).not.toBe(1700)
    const clocked = fake(() => 1 / 0.03)
    const timed = {...once, spec: {...once.spec, clock: true}}
    await runRounds(clocked.sampler, [timed], {...options, budgetSeconds: 0, now: clocked.now})
    expect(clocked.calls.map(({clock}) => clock)).toEqual([false, true, true, true])
  })

  test('interleaves: no task is sampled twice before every other had its turn', async () => {
    const {sampler, calls, now} = fake(() => 1e6)
    const tasks = ['a', 'b', 'c'].map((id, i) => ({...task(id), spec: {...spec, threads: i + 1}}))
    await runRounds(sampler, tasks, {...options, now})
    const measured = calls.filter((call) => call.repetitions === 2).map((call) => call.threads)
    expect(measured.slice(0, 9)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3])
  })

  test('a steady machine gets its rounds and no more, an unsettled one the extra rounds', async () => {
    const steady = fake(() => 1e6)
    const a = await runRounds(steady.sampler, [task('a')], {...options, now: steady.now})
    expect(a.get('a')?.rates).toHaveLength(20)
    const restless = fake((call) => 1e6 * 1.1 ** call)
    const b = await runRounds(restless.sampler, [task('a')], {...options, now: restless.now})
    expect(b.get('a')?.rates).toHaveLength(40)
  })

  test('the budget ends the run, but not before the least rounds', async () => {
    const {sampler, now} = fake(() => 1e6)
    const lengths = async (leastRounds?: number) => {
      const least = leastRounds === undefined ? {} : {leastRounds}
      const series = await runRounds(sampler, [task('a'), task('b')], {...options, budgetSeconds: 0, now, ...least})
      return [...series.values()].map(({rates}) => rates.length)
    }
    expect(await lengths()).toEqual([6, 6])
    expect(await lengths(1)).toEqual([2, 2])
  })

  test('the hard limit is never overrun by more than one sample, in calibration, the first round or later', async () => {
    const tasks = Array.from({length: 50}, (_, i) => ({...task(`task-${i}`), spec: {...spec, bytes: 64 * i}}))
    for (const passesPerSecond of [1, 100, 1e4]) {
      const {sampler, now} = fake(() => passesPerSecond)
      const series = await runRounds(sampler, tasks, {...options, hardSeconds: 1, budgetSeconds: 0.5, now})
      expect(now()).toBeLessThan(1 + (options.repetitionSeconds * 16 + 4 / passesPerSecond))
      expect(series.size).toBe(50)
    }
  })

  test('what drifts is sampled to the end of the budget, however well it agrees', async () => {
    const {sampler, now} = fake(() => 1e6)
    const series = await runRounds(sampler, [{...task('a'), drifts: true}, task('b')], {
      ...options,
      extraRounds: 1e6,
      budgetSeconds: 1,
      now,
    })
    expect(series.get('b')!.rates).toHaveLength(20)
    expect(series.get('a')!.rates.length).toBeGreaterThan(700)
    expect(now()).toBeLessThan(1.01)
  })

  test('a second thread count of the same probe starts where the first ended', async () => {
    const {sampler, calls, now} = fake(() => 1e9)
    await runRounds(sampler, [task('a'), {...task('b'), spec: {...spec, threads: 2}}], {...options, now})
    const calibrations = (threads: number) => calls.filter((c) => c.repetitions === 1 && c.threads === threads).length
    expect(calibrations(1)).toBeGreaterThan(3)
    expect(calibrations(2)).toBe(1)
  })

  test('a standing clock leaves an empty series and the others whole', async () => {
    const good = fake(() => 1e6)
    const sampler: Sampler = (asked) =>
      asked.threads === 2
        ? Promise.resolve({seconds: new Float64Array(asked.repetitions), clockHz: new Float64Array(0), work: 1})
        : good.sampler(asked)
    const tasks = [task('good'), {...task('still'), spec: {...spec, threads: 2}}]
    const series = await runRounds(sampler, tasks, {...options, now: good.now})
    expect(series.get('still')?.rates).toEqual([])
    expect(series.get('good')?.rates).toHaveLength(20)
  })

  test('progress never goes back and ends at its total', async () => {
    const {sampler, now} = fake(() => 1e6)
    const seen: [number, number][] = []
    await runRounds(sampler, [task('a'), task('b')], {
      ...options,
      now,
      onProgress: (done, total) => seen.push([done, total]),
    })
    expect(seen.every(([done], i) => i === 0 || done >= seen[i - 1]![0])).toBe(true)
    expect(seen.at(-1)![0]).toBe(seen.at(-1)![1])
  })

  test('an aborted signal interrupts before the next sample', async () => {
    const abort = new AbortController()
    const {sampler, calls, now} = fake((call) => {
      if (call === 8) abort.abort()
      return 1e6
    })
    const run = runRounds(sampler, [task('a')], {...options, now, signal: abort.signal})
    await expect(run).rejects.toMatchObject({code: 'interrupted', exitCode: 130})
    expect(calls).toHaveLength(8)
  })
})
