/** Where a program lands under a measured CPU's roof. Pure functions. */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import {type Mix, mixOf} from '../analysis/mix.ts'
import {executed, type Part, type Program, partBytes, tensorsOf} from './program.ts'

/** The ceilings that bound a program on one machine with a number of threads. */
export interface CpuRoof {
  compute: Ceiling
  /** of the level that holds the working set: the fastest of the given mixes, or of reading where those were not measured */
  bandwidth(mixes: readonly Mix[]): Ceiling
  /** what computes exp, tanh or erf, where that was measured */
  special(operation: SpecialOperation): Ceiling | undefined
}

type SpecialOperation = 'exp' | 'tanh' | 'erf'

/** The function that a kernel's `special` operations are. */
export const specialOf: Readonly<Record<string, SpecialOperation>> = {
  softmax: 'exp',
  'scale+mask+softmax': 'exp',
  attention: 'exp',
  gelu: 'erf',
  'bias+gelu': 'erf',
}

const usable = (c: Ceiling): boolean => !['implausible', 'wrong', 'skipped', 'failed'].includes(c.verdict ?? 'ok')

const highest = (ceilings: readonly Ceiling[]): Ceiling | undefined =>
  ceilings.reduce<Ceiling | undefined>((top, c) => (top && top.value >= c.value ? top : c), undefined)

/** Those with exactly `threads` threads; where none was measured so, all. */
function atThreads(ceilings: readonly Ceiling[], threads: number): readonly Ceiling[] {
  const exact = ceilings.filter((c) => c.threads === threads)
  return exact.length > 0 ? exact : ceilings
}

/** Share of a cache that a working set may fill and still be counted as resident. */
const fill = 0.8

/** The innermost level that holds `bytes` spread over `threads` threads, by what the sweep found or the system claims. */
function levelOf(machine: Machine, bytes: number, threads: number): string {
  for (const cache of machine.identity.caches ?? []) {
    const size = cache.found ?? cache.claimed
    if (!size) continue
    const sharedBy = typeof cache.sharedBy === 'number' ? cache.sharedBy : 1
    if (bytes <= fill * size * Math.ceil(threads / sharedBy)) return cache.level
  }
  return 'DRAM'
}

const order = ['L1', 'L2', 'L3', 'DRAM']

/**
 * The ceilings that apply to a program's working set.
 * @returns `undefined` where the machine has no f32 compute ceiling or no bandwidth
 */
export function roofFor(machine: Machine, programs: readonly Program[], threads: number): CpuRoof | undefined {
  const bytes = 4 * [...tensorsOf(programs).values()].reduce((a, b) => a + b, 0)
  const ceilings = machine.ceilings.filter(usable)
  const computeOf = (operation: NonNullable<Ceiling['operation']>) =>
    highest(
      atThreads(
        ceilings.filter((c) => c.kind === 'compute' && c.dtype === 'f32' && (c.operation ?? 'fma') === operation),
        threads,
      ),
    )
  const compute = computeOf('fma')
  const bandwidths = atThreads(
    ceilings.filter((c) => c.kind === 'bandwidth' && c.level),
    threads,
  )
  // A level that was not measured is answered by the next outer one.
  const outward = order.slice(order.indexOf(levelOf(machine, bytes, threads)))
  const here = outward.map((level) => bandwidths.filter((c) => c.level === level)).find((found) => found.length > 0)
  if (!compute || !here) return undefined
  return {
    compute,
    bandwidth: (mixes) =>
      highest(here.filter((c) => c.mix && mixes.includes(c.mix))) ??
      highest(here.filter((c) => (c.mix ?? 'read') === 'read')) ??
      highest(here)!,
    special: (operation) => computeOf(operation),
  }
}

/** Seconds that the roof allows for a part, and the id of the ceiling that decides. */
export function partTime(part: Part, roof: CpuRoof): {seconds: number; bound: string} {
  const {reads, writes} = part.cost
  const elements = (list: readonly {elements: number}[]) => list.reduce((sum, use) => sum + use.elements, 0)
  const bandwidth = roof.bandwidth(mixOf(elements(reads), elements(writes)))
  const operation = specialOf[part.kernel]
  const special = operation && part.cost.special > 0 ? roof.special(operation) : undefined
  const limits = [
    {seconds: partBytes(part) / bandwidth.value, bound: bandwidth.id},
    {seconds: executed(part) / roof.compute.value, bound: roof.compute.id},
    ...(special ? [{seconds: part.cost.special / special.value, bound: special.id}] : []),
  ]
  return limits.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
}

/** Seconds that the roof allows for a program, part after part, and the ceiling that decides most of it. */
export function programTime(program: Program, roof: CpuRoof): {seconds: number; bound: string} {
  const times = program.parts.map((part) => partTime(part, roof))
  const seconds = times.reduce((sum, time) => sum + time.seconds, 0)
  const longest = times.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
  return {seconds, bound: longest.bound}
}
