import {describe, expect, test} from 'vitest'
import type {Sample, SampleSpec} from '../../src/kernels/native.ts'
import {calibrate, runRounds, type Sampler, type Task} from '../../src/kernels/rounds.ts'

const spec: SampleSpec = {
  probe: 'fma-f32',
  isa: 'sse',
  threads: 1,
  bytes: 0,
  roam: false,
  passes: 1,
  repetitions: 2,
  clock: false,
}
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
  test.each([1, 1e3, 1e6, 1e9, 1e12])('at %d passes per second a repetition comes near its length', async (rate) => {
    const passes = (await calibrate(fake(() => rate).sampler, spec, 0.001))!
    expect(passes).toBeGreaterThanOrEqual(Math.max(1, Math.floor(rate * 0.0009)))
    expect(passes).toBeLessThanOrEqual(Math.max(1, Math.ceil(rate * 0.0011)))
  })

  test('a clock that stands still ends in undefined, not in an endless loop', async () => {
    expect(await calibrate(fake(() => Number.POSITIVE_INFINITY).sampler, spec, 0.001)).toBeUndefined()
  })
})

describe('runRounds', () => {
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

  test('the budget ends the run, but not before three rounds', async () => {
    const {sampler, now} = fake(() => 1e6)
    const series = await runRounds(sampler, [task('a'), task('b')], {...options, budgetSeconds: 0, now})
    expect([...series.values()].map(({rates}) => rates.length)).toEqual([6, 6])
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
