import {existsSync, readFileSync} from 'node:fs'
import {describe, expect, test, vi} from 'vitest'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {allowedTime, entryOf} from '../../src/kernels/bench.ts'
import {tableOf} from '../../src/kernels/gathers.ts'
import {assumedCaches, planMemory} from '../../src/kernels/levels.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {bytesOf, type Program, stagesOf, tensorSpecs, tensorsOf} from '../../src/kernels/program.ts'
import {kernels, pairs} from '../../src/kernels/registry.ts'
import {runRounds, type Task} from '../../src/kernels/rounds.ts'
import {
  brief,
  checkMemory,
  effortInTime,
  fair,
  hurriedWarning,
  measure,
  pairEffortInTime,
  setUp,
  withSession,
} from '../../src/kernels/run.ts'
import {
  decidingCeilings,
  machineByTurn,
  probeRoom,
  type TurnCeiling,
  turnCeilings,
  turnSeconds,
  turnTasks,
} from '../../src/kernels/turns.ts'
import {bandwidth, compute, machineOf, sampleOf} from './made-up.ts'

const fma = compute('fma', 1e11, 1)
const machine = machineOf(
  fma,
  bandwidth('read', 'L2', 1e11, 1),
  bandwidth('2:1', 'L2', 1e11, 1),
  bandwidth('2:1', 'L3', 5e10, 1),
  bandwidth('2:1', 'DRAM', 2e10, 1),
  bandwidth('triad', 'DRAM', 1e10, 1),
  bandwidth('read', 'DRAM', 1.5e10, 1),
)
const ids = (list: readonly {id: string}[]) => list.map(({id}) => id).sort()
const add = (elements: number) => kernels.add.program([elements])
/** of 1,200 MB at 20 GB/s: 60 ms */
const large = add(1e8)

const changed = (of: Ceiling, value: number): Machine => ({
  ...machine,
  ceilings: machine.ceilings.map((c) => (c.id === of.id ? {...c, value} : c)),
})
const of = (kernel: Program, by: Machine = machine) => ids(decidingCeilings(by, [kernel], 1))

describe('ceilings to be measured in turn', () => {
  test('are every mix that may be the faster one, of whatever level holds the set', () => {
    expect(of(large)).toEqual(['2:1-DRAM-t1', 'triad-DRAM-t1'])
    expect(of(add(1e6))).toEqual(['2:1-L3-t1'])
    // reading alone takes two thirds of the time that both take
    expect(of(add(5e4))).toEqual(['2:1-L2-t1', 'read-L2-t1'])
    expect(ids(decidingCeilings(machine, [add(1e6), large], 1))).toEqual(['2:1-DRAM-t1', '2:1-L3-t1', 'triad-DRAM-t1'])
  })

  test('are those that decide, and those that would at 40 % of their rate', () => {
    expect(of(kernels.gemm.program([2048, 2048, 2048]))).toEqual([fma.id])
    // 60 ms of bytes beside 22, 25, 140 and 160 ms of arithmetic
    const bandwidths = ['2:1-DRAM-t1', 'triad-DRAM-t1']
    expect(of(large, changed(fma, 1e8 / 0.022))).toEqual(bandwidths)
    expect(of(large, changed(fma, 1e8 / 0.025))).toEqual([...bandwidths, fma.id].sort())
    expect(of(large, changed(fma, 1e8 / 0.14))).toEqual([...bandwidths, fma.id].sort())
    expect(of(large, changed(fma, 1e8 / 0.16))).toEqual([fma.id])
  })

  test('of functions are theirs and the multiply-adds inside; of a unit that two share, both', () => {
    const rate = (operation: 'exp' | 'divide' | 'sqrt', value: number): Ceiling => ({
      ...fma,
      id: operation,
      operation,
      value,
    })
    const by = {...machine, ceilings: [...machine.ceilings, rate('exp', 4e9), rate('divide', 1e9), rate('sqrt', 1e10)]}
    expect(of(kernels.silu.program([1000]), by)).toEqual(['divide'])
    const attention = pairs.attention.fused([1, 512, 12, 64])
    expect(of(attention, by)).toEqual([fma.id])
    expect(of(kernels.softmax.program([4, 1000]), by)).toEqual(['exp', fma.id])
    expect(of(kernels.adam.program([1000]), by)).toEqual(['divide', 'sqrt'])
  })

  test('are none of a part that takes less than a twentieth of its program', () => {
    const [sum] = large.parts
    const product = (size: number) => kernels.gemm.program([size, size, size]).parts[0]!
    // 5 µs, 2.4, 4.3 and 172 ms beside 60
    expect(of({id: 'chain', parts: [sum!, product(490)]})).not.toContain(fma.id)
    expect(of({id: 'chain', parts: [sum!, product(600)]})).toContain(fma.id)
    expect(of({id: 'chain', parts: [sum!, product(64)]})).not.toContain(fma.id)
    expect(of({id: 'chain', parts: [sum!, product(2048)]})).toContain(fma.id)
  })

  test('need all free memory only where one lies beyond the core', () => {
    const free = 2 ** 33
    expect(probeRoom(decidingCeilings(machine, [large], 1), 1, free)).toBe(free)
    expect(probeRoom(decidingCeilings(machine, [add(1e6)], 1), 1, free)).toBe(free)
    const near = decidingCeilings(machine, [add(5e4)], 1)
    expect(probeRoom(near, 1, free)).toBe(2 ** 26)
    expect(probeRoom(near, 64, free)).toBe(2 ** 31)
    expect(probeRoom(near, 64, 2 ** 30)).toBe(2 ** 30)
    expect(probeRoom([], 1, free)).toBe(0)
  })
})

describe('probes', () => {
  const {isas} = loadNative().cpu()
  const memory = planMemory([...assumedCaches, {level: 'L3', claimed: 2 ** 25, sharedBy: 2}], 2, 2 ** 30)
  const caches = [...assumedCaches, {level: 'L3', claimed: 2 ** 25, sharedBy: 2}] as const

  test('take the threads of the kernel, the id of the profile, and as long as the kernel, 8 ms at most', () => {
    const seconds = turnSeconds(machine, [large], 1, 0.002)
    expect(seconds).toBe(0.008)
    const tasks = turnTasks(decidingCeilings(machine, [large], 1), seconds, {isas, caches, threads: 2}, memory)
    expect(ids(tasks.map(({ceiling}) => ceiling))).toEqual(['2:1-DRAM-t1', 'triad-DRAM-t1'])
    for (const {tasks: probes} of tasks)
      for (const {spec} of probes)
        expect(spec).toMatchObject({threads: 2, roam: true, bytes: memory.window, repetitions: 1})
    // 8 ms at 20 GB/s are 160 MB; two windows of 33.5 MB are moved at a time
    expect(tasks[0]!.tasks[0]!.spec.passes).toBe(Math.round(160e6 / (2 * memory.window)))
    expect(turnSeconds(machine, [add(5e4), large], 1, 0.002)).toBe(0.002)
  })

  test('of rows read from a table as large as the profile’s, however many threads that one had', () => {
    const rows = bandwidth('rows-512', 'DRAM', 1e10, 8)
    const roomy = planMemory(caches, 2, 2 ** 33)
    const parts = [2 ** 24, 2 ** 24 + 4096 / 4].map((workingSet) => {
      const [task] = turnTasks([{...rows, workingSet}], 0.002, {isas, caches, threads: 2}, roomy)
      return task!.tasks[0]!.spec.bytes
    })
    expect(parts).toEqual([2 ** 26, 2 ** 26 + 4096])
  })

  test('of rows that have no room for that table, or a profile that names none, read the largest that there is', () => {
    const rows = bandwidth('rows-512', 'DRAM', 1e10, 8)
    const roomy = planMemory(caches, 8, 2 ** 33)
    // beside the table 4 MiB are written, in the thread that has the least
    const room = Math.min(...roomy.bytesPerThread.map((bytes, i) => bytes - roomy.residentPerThread[i]!)) - 2 ** 22
    const bytesOf = (workingSet?: number) => {
      const ceiling = {...rows, ...(workingSet === undefined ? {} : {workingSet})}
      const [task] = turnTasks([ceiling], 0.002, {isas, caches, threads: 8}, roomy)
      return task!.tasks[0]!.spec.bytes
    }
    // the first has more than the others
    expect(roomy.bytesPerThread[0]).toBeGreaterThan(roomy.bytesPerThread[1]! + 2 ** 23)
    const own = bytesOf()
    expect(own).toBe(tableOf(caches, 8, room + 2 ** 22))
    expect(room).toBeGreaterThan(own)
    expect(room % 4096).toBe(0)
    expect(bytesOf(room)).toBe(room)
    expect(bytesOf(room + 4096)).toBe(own)
    // less than a page of the table for each thread
    expect(bytesOf(2048)).toBe(own)
    // probes of bandwidth have windows of their own
    const [read] = turnTasks([{...rows, mix: 'read', workingSet: room}], 0.002, {isas, caches, threads: 8}, roomy)
    expect(read!.tasks[0]!.spec.bytes).toBe(roomy.window)
  })

  test('of bandwidth take the widest instructions, and a window at least', () => {
    const [task] = turnTasks([bandwidth('read', 'DRAM', 1e10, 1)], 1e-6, {isas, caches, threads: 1}, memory)
    expect(isas.length).toBeGreaterThan(1)
    for (const {spec} of task!.tasks) expect(spec).toMatchObject({isa: isas.at(-1)!.name, passes: 1})
  })

  test('of arithmetic take its instruction set, not the widest alone', () => {
    for (const {name} of isas) {
      const [task] = turnTasks([{...fma, isa: name}], 0.002, {isas, caches, threads: 1}, memory)
      expect(task!.tasks[0]!.spec.isa).toBe(name)
    }
  })

  test('of one ceiling: the best of all, turn by turn the one with the higher median', () => {
    const [task] = turnTasks(decidingCeilings(machine, [large], 1), 0.002, {isas, caches, threads: 1}, memory)
    const [one, two] = task!.tasks
    const of = (rates: number[]) => ({rates, clockHz: [], tried: true, passes: 1})
    const series = new Map([
      [one!.id, of([10, 50, 11])],
      [two!.id, of([20, 21, 22])],
    ])
    expect(turnCeilings([task!], series)).toEqual([
      {id: '2:1-DRAM-t1', best: 50, median: 21, samples: 6, rates: [20, 21, 22]},
    ])
    expect(turnCeilings([task!], new Map())).toEqual([])
  })

  test('of a core alone: two places a turn, of which the better counts', () => {
    const isa = isas.at(-1)!.name
    const [task] = turnTasks([{...fma, isa}], 0.002, {isas, caches, threads: 1}, memory)
    const [probe] = task!.tasks
    expect(probe).toMatchObject({
      calibrate: true,
      // as many rounds as the kernel, whatever the rates do
      limit: 1,
      repetitionSeconds: 0.001,
      spec: {repetitions: 2},
    })
    const series = new Map([[probe!.id, {rates: [9, 10, 5, 4, 7], clockHz: [], tried: true, passes: 1}]])
    expect(turnCeilings([task!], series)).toEqual([{id: fma.id, best: 10, median: 7.5, samples: 2, rates: [10, 5]}])
  })
})

describe('ceilings of the cores', () => {
  const sizes = [8, 64, 256, 1, 56, 56, 1, 1, 1, 0]
  const pair = pairs['conv+batchnorm+relu']
  const sides = [pair.unfused(sizes), pair.fused(sizes)]

  test('are probed at the profile’s own instruction set, without the clock, as long as a bandwidth', () => {
    const {isas} = loadNative().cpu()
    const isa = isas.at(-1)!.name
    const ceiling: Ceiling = {...fma, isa}
    const memory = planMemory(assumedCaches, 1, 2 ** 30)
    const tasks = turnTasks([ceiling], 0.02, {isas, caches: assumedCaches, threads: 1}, memory)
    expect(tasks).toMatchObject([
      {
        ceiling: {id: 'fma-f32-t1', kind: 'compute', isa},
        tasks: [{calibrate: true, repetitionSeconds: 0.004, spec: {isa, threads: 1, clock: false, repetitions: 2}}],
      },
    ])
    expect(tasks[0]!.tasks).toHaveLength(1)
  })

  test('fall with everything else while a neighbour has the core: half of all is the same speed-up', () => {
    const half = (c: Ceiling): TurnCeiling => ({
      ...{id: c.id, best: c.value / 2, median: c.value / 2, samples: 1},
      rates: [c.value / 2],
    })
    const speedup = (by: Machine) => {
      const [apart, joined] = sides.map((program) => allowedTime(program, by, 1)!.seconds)
      return apart! / joined!
    }
    const [all] = machineByTurn(machine, machine.ceilings.map(half))
    const [shared] = machineByTurn(machine, machine.ceilings.filter(({level}) => level === 'DRAM').map(half))
    expect(speedup(all!)).toBeCloseTo(speedup(machine), 12)
    expect(speedup(shared!)).toBeGreaterThan(1.2 * speedup(machine))
  })

  test('and of the caches are measured beside one kernel as beside two, within the room that they need', async () => {
    const isa = loadNative().cpu().isas.at(-1)!.name
    const profile = {...machine, ceilings: machine.ceilings.map((c) => ({...c, isa}))}
    const setup = setUp({machine: profile, threads: 1})
    const [one, other] = [add(5e4), kernels.gemm.program([64, 64, 64])]
    const deciding = decidingCeilings(profile, [one, other], 1)
    expect(ids(deciding)).toEqual(['2:1-L2-t1', 'fma-f32-t1', 'read-L2-t1'])
    const room = probeRoom(deciding, 1, checkMemory([{id: 'both', bytes: bytesOf([one, other])}]))
    const effort = {repetitionSeconds: 0.001, rounds: 3, extraRounds: 0, budgetSeconds: 1}
    await withSession(setup, undefined, room, async (opened) => {
      for (const programs of [[one], [other], [one, other]]) {
        const measured = await measure(opened, programs, setup, {machine: profile}, effort)
        for (const {turn, rates} of measured.values()) {
          expect(ids(turn)).toEqual(ids(decidingCeilings(profile, programs, 1)))
          for (const ceiling of turn) expect(ceiling.rates).toHaveLength(rates.length)
        }
      }
    })
  }, 20_000)
})

test('threads meet after every call where two programs are compared, and once a repetition where one stands under ceilings', async () => {
  const setup = setUp({machine, threads: 1})
  const effort = {repetitionSeconds: 0.001, rounds: 1, extraRounds: 0, budgetSeconds: 0, leastRounds: 1}
  const meetings = async (programs: readonly Program[]) => {
    const asked = new Set<boolean | undefined>()
    await withSession(setup, undefined, 0, async ({session, memory}) => {
      const sample = vi.fn(session.sample.bind(session))
      const watched = {sample, allocate: session.allocate.bind(session)}
      await measure({session: watched, memory}, programs, setup, {machine}, effort)
      for (const [{meets}] of sample.mock.calls) asked.add(meets)
    })
    return [...asked]
  }
  const {unfused, fused} = pairs.chain
  expect(await meetings([fused([1000, 3])])).toEqual([false])
  expect(await meetings([unfused([1000, 3]), fused([1000, 3])])).toEqual([true])
})

const nodes = '/sys/devices/system/node/has_memory'
const hasNodes = existsSync(nodes) && /[-,]/.test(readFileSync(nodes, 'utf8'))
test.skipIf(hasNodes)(
  'tensors take the pages of those before them, which were cleared and handed out once',
  async () => {
    const tensors = [{bytes: 128 * 2 ** 20, fill: 'f32'} as const]
    await withSession(setUp({machine, threads: 1}), undefined, 0, async ({session}) => {
      await session.allocate(tensors)
      const faults: number[] = []
      for (let i = 0; i < 5; i++) {
        const before = process.resourceUsage().minorPageFault
        await session.allocate(tensors)
        faults.push(process.resourceUsage().minorPageFault - before)
      }
      // 64 huge pages or 32,768 small ones; the least, since others of this process take pages too
      expect(Math.min(...faults)).toBeLessThan(32)
    })
  },
)

test('counters that the system does not let be read cost no call', async () => {
  await withSession(setUp({machine, threads: 1}), undefined, 0, async ({session}) => {
    const program = add(1000)
    const tensors = tensorsOf([program])
    await session.allocate(tensorSpecs(tensors))
    const stages = stagesOf(program, tensors)
    const sample = await session.sample({...sampleOf({probe: 'program', isa: 'scalar'}), stages, counters: true})
    expect(sample.seconds).toHaveLength(sample.counterProblem === null ? 2 : 0)
    expect(sample.counters).toHaveLength(sample.counterProblem === null ? 3 : 0)
  })
})

describe('rounds together', () => {
  const task = (id: string, more: Partial<Task> = {}): Task => ({
    id,
    label: id,
    calibrate: false,
    spec: sampleOf({probe: id, isa: 'x', bytes: 64, repetitions: 4}),
    ...more,
  })

  test('go on for all while one is unsettled', async () => {
    let call = 0
    const seconds = (probe: string, i: number) => (probe === 'steady' ? 1.25 : (1 + i) / (1 + call / 10))
    const sampler = async (spec: {probe: string; repetitions: number}) => {
      call++
      return {
        seconds: Float64Array.from({length: spec.repetitions}, (_, i) => seconds(spec.probe, i)),
        clockHz: new Float64Array(),
        work: 10,
      }
    }
    const tasks = [task('steady', {limit: 1}), task('restless')]
    const options = {repetitionSeconds: 0.001, rounds: 4, extraRounds: 3, budgetSeconds: 1e9, together: true}
    const series = await runRounds(sampler, tasks, options)
    expect(series.get('steady')!.rates).toEqual(Array(3 + 6 * 4).fill(8))
    expect(series.get('restless')!.rates).toHaveLength(3 + 6 * 4)
  })
})

describe('an entry in turn', () => {
  const turn: TurnCeiling[] = [
    {id: '2:1-DRAM-t1', best: 1e10, median: 6e9, samples: 6, rates: [1e10, 5e9, 6e9]},
    {id: 'triad-DRAM-t1', best: 2e9, median: 2e9, samples: 6, rates: [2e9, 2e9, 2e9]},
  ]
  const entry = (rates: number[], turns = turn) =>
    entryOf(kernels.add, [1e8], large, {rates, counters: null, turn: turns}, 0, {isa: 'x', threads: 1}, machine)

  test('stands under what was measured beside it, the profile’s share stays', () => {
    // 1.2 GB in 0.15, 0.25 and 0.25 s; turn by turn the roof allows 0.12, 0.24 and 0.2 s
    const {efficiency, inTurn} = entry([1 / 0.15, 4, 4])
    expect(efficiency).toBeCloseTo(0.06 / 0.15, 12)
    expect(inTurn!.efficiency).toBeCloseTo(0.12 / 0.15, 12)
    expect(inTurn!.efficiencyMedian).toBeCloseTo(0.8, 12)
    expect(inTurn).toMatchObject({bound: '2:1-DRAM-t1', ceilings: [{id: '2:1-DRAM-t1'}, {id: 'triad-DRAM-t1'}]})
    expect(inTurn!.attainable).toBeCloseTo(1e8 / 0.12, 0)
    expect(entry([4, 4, 4], []).inTurn).toBeNull()
  })

  test('is noisy where the roof in turn is far below the profile’s, however well its times agree', () => {
    const steady = (best: number) => [{...turn[0]!, best, rates: [best, best, best]}, turn[1]!]
    expect(entry([10, 10, 10], steady(1.8e10))).toMatchObject({verdict: 'ok'})
    const {verdict, reason} = entry([7, 7, 7], steady(1e10))
    expect(verdict).toBe('noisy')
    expect(reason).toMatch(/allowed 50 % of the profile's roof \(2:1-DRAM-t1\), of which it reached 84 %/)
    // what says more of the run is not lost
    const falling = [...Array(6).fill(7), ...Array(6).fill(5)]
    expect(entry(falling, steady(1e10))).toMatchObject({
      verdict: 'throttled',
      reason: expect.stringMatching(/last third.*; in the same rounds/),
    })
  })

  test('is implausible above every roof, whatever else is said of it, not above one', () => {
    const steady = (best: number) => [{...turn[0]!, best, rates: [best, best, best]}, turn[1]!]
    // 120 % in turn, 60 % of the profile's
    expect(entry([10, 10, 10]).verdict).toBe('noisy')
    expect(entry([20, 20, 20]).verdict).toBe('implausible')
    // 150 % of the profile's, 240 % in turn: the machine was disturbed, too, and the repetitions disagree
    expect(entry([25, 20, 20], steady(1.25e10))).toMatchObject({
      verdict: 'implausible',
      reason: expect.stringMatching(/^150 % of its roof: the roof \(2:1-DRAM-t1\)/),
    })
    // 150 % of the profile's by one repetition, the turns in the median at 60 %
    expect(entry([25, 10, 10], steady(2e10)).verdict).toBe('noisy')
    // one part in a hundred is rounding
    expect(entry([16.8, 16.8, 16.8], steady(2e10)).verdict).toBe('ok')
    expect(entry([16.9, 16.9, 16.9], steady(2e10)).verdict).toBe('implausible')
  })

  test('is noisy where the roof in turn is far above the profile’s, and says that the profile is low', () => {
    const steady = (best: number) => [{...turn[0]!, best, rates: [best, best, best]}, turn[1]!]
    // 150 % of the profile's, 94 % in turn
    expect(entry([25, 25, 25], steady(3.2e10))).toMatchObject({
      verdict: 'noisy',
      reason:
        "in the same rounds the ceilings allowed 160 % of the profile's roof (2:1-DRAM-t1), of which it reached 94 %; `perf measure` takes the profile anew",
    })
    expect(entry([18, 18, 18], steady(2.3e10)).verdict).toBe('ok')
    expect(entry([18, 18, 18], steady(2.4e10)).verdict).toBe('noisy')
    expect(entry([7, 7, 7], steady(1e10)).reason).not.toMatch(/perf measure/)
  })
})

test('all kernels come within a minute: behind time each gets fewer rounds', () => {
  expect(effortInTime(0, 150)).toBe(brief)
  expect(effortInTime(40, 100)).toMatchObject({budgetSeconds: 0.05, leastRounds: 1})
  expect(effortInTime(70, 10)).toMatchObject({budgetSeconds: 0, leastRounds: 1})
})

test('all pairs come within a minute: behind time each size and each point of a sweep gets fewer rounds', () => {
  expect(pairEffortInTime(0, 42)).toEqual({run: fair, point: brief})
  const {run, point} = pairEffortInTime(30, 40)
  expect(run).toMatchObject({budgetSeconds: fair.budgetSeconds / 2, leastRounds: 1})
  expect(point).toMatchObject({budgetSeconds: brief.budgetSeconds / 2, leastRounds: 1})
  expect(pairEffortInTime(200, 3).run).toMatchObject({budgetSeconds: 0, leastRounds: 1})
})

test('runs that had less than their time are said, with the command that gives it', () => {
  expect(hurriedWarning([], 128, 'perf bench')).toEqual([])
  const [warning, ...more] = hurriedWarning(['relu 1', 'relu 2', 'add 3', 'add 4'], 128, 'perf bench')
  expect(more).toEqual([])
  expect(warning).toEqual({
    code: 'time-short',
    message: expect.stringMatching(
      /^4 of 128 runs had fewer .* \(relu 1, relu 2, add 3 …\): .* 50 s, .*; perf bench NAME gives/,
    ),
  })
})

test('a kernel and its ceiling are measured in the same rounds, in memory that is planned beside the tensors', async () => {
  const profile = {...machine, identity: {caches: machine.identity.caches!.slice(0, 2)}}
  const setup = setUp({machine: profile, threads: 1})
  const program = add(1e6)
  const room = checkMemory([{id: 'add', bytes: bytesOf([program])}])
  expect(checkMemory([{id: 'add', bytes: 0}])).toBeGreaterThan(room)
  const effort = {repetitionSeconds: 0.001, rounds: 4, extraRounds: 0, budgetSeconds: 1}
  const measured = await withSession(setup, undefined, room, (opened) =>
    measure(opened, [program], setup, {machine: profile}, effort),
  )
  const {rates, turn} = measured.get(program.id)!
  expect(ids(turn)).toEqual(ids(decidingCeilings(profile, [program], 1)))
  for (const ceiling of turn) {
    expect(ceiling.rates).toHaveLength(rates.length)
    expect(ceiling.best).toBeGreaterThanOrEqual(ceiling.median)
    expect(ceiling.median).toBeGreaterThan(1e8)
  }
  const bare = await withSession(setup, undefined, 0, (opened) =>
    measure(opened, [program], setup, {machine: profile}, effort),
  )
  expect(bare.get(program.id)!.turn).toEqual([])
}, 20_000)
