import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {build} from 'esbuild'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {ceilingOf, checkPlausible, modelOf, perCycleAlone, wholeOrHalf} from '../../src/kernels/ceilings.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {sessionWarnings} from '../../src/kernels/opening.ts'
import {planTasks, threadsBetween} from '../../src/kernels/plan.ts'
import {runRounds} from '../../src/kernels/rounds.ts'

const given = {threads: 4, pinned: 4, touched: [250, 250, 250, 250], bytes: 1000, hugeBytes: 1000}

describe('what the system does not give is said', () => {
  test.each([
    ['everything given', given, []],
    ['no huge pages', {...given, hugeBytes: 0}, ['no-huge-pages']],
    ['no permission to pin', {...given, pinned: 0}, ['not-pinned']],
    ['fewer threads', {...given, threads: 2, pinned: 2}, ['fewer-threads']],
    ['nothing', {...given, threads: 1, pinned: 0, hugeBytes: 0}, ['fewer-threads', 'not-pinned', 'no-huge-pages']],
  ])('%s', (_, info, codes) => {
    expect(sessionWarnings(info, 4, 'linux').map(({code}) => code)).toEqual(codes)
  })
  test('where a system has neither pinning nor such pages, nothing is missed', () => {
    expect(sessionWarnings({...given, pinned: 0, hugeBytes: 0}, 4, 'darwin')).toEqual([])
    expect(sessionWarnings({...given, hugeBytes: 0}, 4, 'linux', false)).toEqual([])
  })
  test('memory that the system refuses is an error, not a crash', async () => {
    const session = new (loadNative().Session)()
    await expect(session.open([2 ** 52], [0])).rejects.toThrow(/memory/)
    session.close()
  })
})

const runs = (command: string, ...args: string[]) => spawnSync(command, args).status === 0
const linux = process.platform === 'linux'

// The measurement in a process of its own, under limits that a test cannot set for itself.
describe.runIf(linux && runs('taskset', '-V') && runs('python3', '-V'))('under limits of the system', () => {
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ridgepoint-limits-'))
    const entry = join(import.meta.dirname, '../../src/kernels/measure-cpu.ts')
    await build({
      stdin: {
        contents: `import {measureCpu} from ${JSON.stringify(entry)}
          const {machine, warnings} = await measureCpu({quick: true})
          console.log(JSON.stringify({machine, warnings}))`,
        resolveDir: join(import.meta.dirname, '../..'),
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(folder, 'measure.mjs'),
    })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({name: 'ridgepoint', version: '0.0.0', type: 'module'}))
    mkdirSync(join(folder, 'build', 'Release'), {recursive: true})
    const addon = 'build/Release/ridgepoint.node'
    symlinkSync(join(import.meta.dirname, '../..', addon), join(folder, addon))
  })
  afterAll(() => rmSync(folder, {recursive: true, force: true}))

  function measuredUnder(...command: [string, ...string[]]) {
    const [first, ...rest] = [...command, process.execPath, 'measure.mjs']
    const run = spawnSync(first!, rest, {cwd: folder, encoding: 'utf8', timeout: 60_000})
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
    const {machine, warnings} = JSON.parse(run.stdout) as {
      machine: Machine
      warnings: {code: string; message: string}[]
    }
    expect(machine.ceilings.some(({kind}) => kind === 'bandwidth')).toBe(true)
    expect(machine.ceilings.some(({kind}) => kind === 'compute')).toBe(true)
    return {machine, warnings}
  }
  const limits = join(import.meta.dirname, 'support', 'limits.py')

  test('one CPU by affinity: one thread, and no ceiling claims more', () => {
    const {machine} = measuredUnder('taskset', '-c', '0')
    expect(machine.identity.cores).toBe(1)
    expect(machine.ceilings.every(({threads}) => threads === 1)).toBe(true)
  }, 60_000)

  test('no huge pages: said, and what was given stands in the profile', () => {
    const {machine, warnings} = measuredUnder('python3', limits, 'no-huge-pages')
    expect(machine.identity.hugePages).toBe(0)
    expect(warnings.map(({code}) => code)).toContain('no-huge-pages')
  }, 60_000)

  test('no permission to pin: said, and measured all the same', () => {
    const {machine, warnings} = measuredUnder('python3', limits, 'no-pin')
    expect(machine.identity.pinned).toBe(0)
    expect(warnings.find(({code}) => code === 'not-pinned')?.message).toMatch(/could not be pinned/)
  }, 60_000)
})

const isa = {
  name: 'avx2',
  vectorBytes: 32,
  kernels: [],
  memory: [],
  compute: [{probe: 'fma-f32', id: 'fma-f32', engine: null, lanes: 8, perLane: 2, missing: null}],
}
const sizes = {
  between: [],
  caches: [],
  resident: [4096, 4096],
  window: 4096,
  chase: 4096,
  tables: [0, 0],
  quick: true,
}
const tasks = planTasks({
  isas: [isa],
  ownIsas: [isa],
  threads: [1],
  ...sizes,
})

describe('a clock that stands still', () => {
  test('leaves ceilings out instead of inventing them', async () => {
    const still = async () => ({seconds: new Float64Array(2), clockHz: new Float64Array(2), work: 1})
    const protocol = {repetitionSeconds: 1e-3, rounds: 2, extraRounds: 0, budgetSeconds: 1}
    const series = await runRounds(
      still,
      tasks.flatMap((task) => task.tasks),
      protocol,
    )
    for (const task of tasks) expect(ceilingOf(task, series, {source: 'test', date: '2026-11-21'})).toBeUndefined()
  })
  test('a rate without a clock has no model, a rate of a standing or leaping one is doubted', () => {
    const task = tasks[0]!
    const made = {source: 'test', date: '2026-11-21'}
    const series = (rates: number[]) => new Map([[task.tasks[0]!.id, {rates, clockHz: [], tried: true, passes: 1}]])
    expect(ceilingOf(task, series([1e11, 1e11, 1e11]), made)).not.toHaveProperty('model')
    const endless = ceilingOf(task, series([Number.POSITIVE_INFINITY, 1e11, 1e11]), made)!
    expect(checkPlausible([endless])[0]?.verdict).toBe('implausible')
  })
})

test('of several probes that one counts which reached most, once', () => {
  const [one] = tasks.flatMap((task) => (task.ceiling.id.startsWith('fma') ? [task] : []))
  const other = {...one!.tasks[0]!, id: 'other', spec: {...one!.tasks[0]!.spec, probe: 'another way'}}
  const all = new Map(
    [
      [one!.tasks[0]!.id, [2e10, 8e10]],
      ['other', [6e10, 7e10]],
    ].map(([id, rates]) => [id as string, {rates: rates as number[], clockHz: [], tried: true, passes: 1}]),
  )
  const found = ceilingOf({...one!, tasks: [one!.tasks[0]!, other]}, all, {source: 'test', date: '2026-11-21'})
  expect(found).toMatchObject({value: 8e10, max: 8e10, min: 2e10})
  all.set('other', {rates: [6e10, 9e10], clockHz: [], tried: true, passes: 1})
  const second = ceilingOf({...one!, tasks: [one!.tasks[0]!, other]}, all, {source: 'test', date: '2026-11-21'})
  expect(second).toMatchObject({value: 9e10, min: 6e10})
  // how bytes are counted is said of bandwidths alone
  expect(second!.provenance.source).toMatch(/another way/)
  expect(second!.provenance.source).not.toMatch(/bytes|loaded/)
})

describe('model lines', () => {
  const fma = {perInstruction: 32, name: ['FMA', 'FMA'], factors: '16 lanes × 2'} as const
  test('take instructions per cycle for a whole or half number within 3 %', () => {
    expect(modelOf(fma, 152.2e9, 2.4e9, 1, 'FLOP/s')).toEqual({
      model: 153.6e9,
      modelText: '2.0 FMA per cycle × 16 lanes × 2 × 2.40 GHz = 153.6 GFLOP/s',
    })
    expect(modelOf(fma, 2 * 118.2e9, 3.694e9, 2, 'FLOP/s').modelText).toMatch(
      /^1\.0 FMA per cycle .* × 2 threads = 236\.4/,
    )
    expect([1.46, 1.5, 1.54, 1.97, 2.05].map((x) => wholeOrHalf(x) ?? null)).toEqual([1.5, 1.5, 1.5, 2, 2])
    expect(wholeOrHalf(1.87)).toBeUndefined()
    // 3 % of the number itself
    expect([1.945, 1.95, 2.055].map(wholeOrHalf)).toEqual([2, 2, 2])
    expect([1.935, 2.065, 2.1].map(wholeOrHalf)).toEqual([undefined, undefined, undefined])
    expect(wholeOrHalf(0.1)).toBeUndefined()
  })
  test('are not of a number that the rate exceeds by more than the error of a clock', () => {
    expect(modelOf(fma, 2.03 * 32 * 2e9, 2e9, 1, 'FLOP/s').model).toBe(2 * 32 * 2e9)
    expect(modelOf(fma, 2.05 * 32 * 2e9, 2e9, 1, 'FLOP/s')).toEqual({
      model: null,
      modelText: '2.05 FMA per cycle × 16 lanes × 2 × 2.00 GHz: no whole or half number, so no model',
    })
    // 4.9 cycles for 5
    expect(modelOf(fma, (32 / 4.87) * 2e9, 2e9, 1, 'FLOP/s').model).toBeNull()
  })
  test('say cycles per instruction where there are several, and that there is no model where there is none', () => {
    const divide = {perInstruction: 16, name: ['divide', 'divides'], factors: '16 lanes'} as const
    expect(modelOf(divide, 9.85e9, 3.694e9, 1, 'FLOP/s').modelText).toMatch(/^1 divide per 6\.0 cycles × 16 lanes/)
    expect(modelOf(fma, 1.87 * 32 * 2e9, 2e9, 1, 'FLOP/s')).toMatchObject({
      model: null,
      modelText: expect.stringContaining('1.87 FMA per cycle'),
    })
    const exp = {...divide, name: ['exp', 'exp'], composite: true} as const
    expect(modelOf(exp, 5e9, 3.7e9, 1, 'FLOP/s')).toEqual({
      model: null,
      modelText: '1 vector of 16 lanes per 11.8 cycles × 3.70 GHz: measured, a function has no port model',
    })
  })
  test('of disturbed threads use what one thread reached; SMT siblings keep their own half', () => {
    expect(modelOf(fma, 2 * 1.9 * 32 * 2e9, 2e9, 2, 'FLOP/s', 2.0).model).toBe(2 * 2 * 32 * 2e9)
    expect(modelOf(fma, 2 * 1.0 * 32 * 2e9, 2e9, 2, 'FLOP/s', 2.0).model).toBe(2 * 32 * 2e9)
  })
  test('one thread’s rate is found by probe, width and level', () => {
    const [task] = planTasks({
      isas: loadNative().cpu().isas.slice(-1),
      ownIsas: loadNative().cpu().isas.slice(-1),
      threads: [1, 2],
      ...sizes,
    })
    const model = task!.tasks[0]!.model!
    const series = new Map([
      [task!.tasks[0]!.id, {rates: [2e9 * model.perInstruction], clockHz: [1e9], tried: true, passes: 1}],
    ])
    expect([...perCycleAlone([task!], series).values()]).toEqual([2])
  })
})

test('scaling is measured at powers of two between one thread and all', () => {
  expect([1, 2, 3, 4, 6, 64].map(threadsBetween)).toEqual([[], [], [2], [2], [2, 4], [2, 4, 8, 16, 32]])
})
