import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {type Machine, machineSchema} from '../../src/analysis/document/machine.ts'
import {isImplausible} from '../../src/analysis/plausible.ts'
import type {BenchEntry} from '../../src/kernels/bench.ts'
import {checkPlausible} from '../../src/kernels/ceilings.ts'
import {programTime, roofFor} from '../../src/kernels/place.ts'
import type {Program} from '../../src/kernels/program.ts'
import {type KernelDef, kernels, type PairDef, pairIds, pairs} from '../../src/kernels/registry.ts'

const folder = join(import.meta.dirname, '../../docs/results')
const documents = readdirSync(folder).filter((name) => name.endsWith('.json'))
const tables = documents.filter((name) => name.includes('bench'))
/** Attention as well, where its file has entries: until 2026-11-22 it had rows alone. */
const files = documents.filter((name) => 'kernels' in JSON.parse(readFileSync(join(folder, name), 'utf8')))

/** The program of a saved entry: a kernel, or a side of a pair with the same dims. */
function programOf({id, dims, dtype}: BenchEntry): Program {
  const [names, sizes] = [Object.keys(dims).join(), Object.values(dims)]
  const kernel: KernelDef | undefined = Object.entries(kernels).find(([name]) => name === id)?.[1]
  // the fused side of a pair may have a kernel's name and more dims
  if (kernel?.dims.join() === names) return kernel.program(sizes, dtype)
  const chain = pairIds
    .map((pair): PairDef => pairs[pair])
    .filter((pair) => pair.dims.join() === names)
    .flatMap((pair) => [pair.unfused(sizes, dtype), pair.fused(sizes, dtype)])
    .find((program) => program.id === id)
  if (!chain) throw new Error(`no program is called ${id}`)
  return chain
}

test('there are saved results to check', () => expect(tables.length).toBeGreaterThan(0))

const read = (file: string): {machine: Machine; kernels: BenchEntry[]} =>
  JSON.parse(readFileSync(join(folder, file), 'utf8'))

test.each(tables)('%s has every kernel in a cache and from DRAM, on one thread and on all', (file) => {
  const {machine, kernels: entries} = read(file)
  for (const id of new Set(entries.map((k) => k.id)))
    for (const threads of [1, machine.identity.cores!])
      expect(entries.filter((k) => k.id === id && k.threads === threads).length, id).toBeGreaterThanOrEqual(2)
})

describe.each(files)('%s', (file) => {
  const saved = read(file)
  const machine = machineSchema.parse(saved.machine)

  // read from memory in four rows at a time, gemv of f64 on Emerald Rapids passed the probe's eight runs by 2 % in one of eight such runs
  test('what sits above 101 % of its roof, under the highest ceilings and those of its own rounds, is a row of a hundred at most, and says so', () => {
    const above = saved.kernels.filter((entry) => {
      const program = programOf(entry)
      const {seconds} = programTime(program, roofFor(machine, [program], entry.threads)!)
      const {efficiency, efficiencyMedian} = entry.inTurn ?? {}
      return isImplausible(seconds / entry.seconds.min, efficiency, efficiencyMedian)
    })
    expect(above.map(({id, verdict}) => `${id} ${verdict}`)).toEqual(above.map(({id}) => `${id} implausible`))
    expect(above.length).toBeLessThanOrEqual(saved.kernels.length / 100)
  })

  test('no ceiling is above its model, no outer level above an inner one', () => {
    const doubted = checkPlausible(machine.ceilings).flatMap((c, i) =>
      c === machine.ceilings[i] ? [] : [`${c.id}: ${c.reason}`],
    )
    expect(doubted).toEqual([])
  })
})
