/** Where a program lands under a measured CPU's roof. Pure functions. */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import {type Mix, mixOf} from '../analysis/mix.ts'
import {
  executed,
  isStreamed,
  type Part,
  type Program,
  partTraffic,
  type SpecialOperation,
  type Traffic,
  tensorBytes,
  tensorsOf,
} from './program.ts'

/** The ceilings that bound a program on one machine with a number of threads. */
export interface CpuRoof {
  /** multiply-adds of a type (int8: dot products) */
  compute(dtype: NonNullable<Part['computes']>): Ceiling
  /** dot products of bytes, where they were measured */
  bytes: Ceiling | undefined
  /** of the level that holds the working set: the fastest of the given mixes; where none was measured, of `others`, or of reading */
  bandwidth(mixes: readonly Mix[], others?: readonly Mix[]): Ceiling
  /** what of the bytes may still lie in the cache before that level, and how fast it gives them */
  inner: {share: number; bandwidth(mixes: readonly Mix[]): Ceiling} | undefined
  /** what computes exp, tanh, erf, divisions or roots, where that was measured */
  special(operation: SpecialOperation): Ceiling | undefined
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

/** Where a working set lies. */
interface Residence {
  /** the innermost level that holds it */
  level: string
  /** the cache before that level, and the share of the working set that it may still hold from the last pass */
  inner?: {level: string; share: number}
}

/**
 * A pass over more than a cache holds can find at most the cache's size of it there. Caches that replace what was used longest ago find
 * ever less as the set grows: measured on Zen 4, a set of 1.06 times the L3 still moves at half of its bandwidth, one of four times at none.
 */
const forgotten = 4

/** Where `bytes` spread over `threads` threads lie, by what the sweep found or the system claims. */
function residenceOf(machine: Machine, bytes: number, threads: number): Residence {
  let inner: Residence['inner']
  for (const cache of machine.identity.caches ?? []) {
    const size = cache.found ?? cache.claimed
    if (!size) continue
    const sharedBy = typeof cache.sharedBy === 'number' ? cache.sharedBy : 1
    const capacity = size * Math.ceil(threads / sharedBy)
    if (bytes <= fill * capacity) return inner ? {level: cache.level, inner} : {level: cache.level}
    const remembered = Math.max(0, 1 - (bytes / capacity - 1) / (forgotten - 1))
    inner = {level: cache.level, share: Math.min(1, capacity / bytes) * Math.min(1, remembered)}
  }
  return inner ? {level: 'DRAM', inner} : {level: 'DRAM'}
}

const order = ['L1', 'L2', 'L3', 'DRAM']

/**
 * The ceilings that apply to a program's working set.
 * @param onUse told of every set of bandwidths of which the fastest is about to be taken
 * @returns `undefined` where the machine has no f32 compute ceiling or no bandwidth, or none of a type that the program computes in
 */
export function roofFor(
  machine: Machine,
  programs: readonly Program[],
  threads: number,
  onUse?: (candidates: readonly Ceiling[]) => void,
): CpuRoof | undefined {
  const bytes = [...tensorsOf(programs).values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
  const ceilings = machine.ceilings.filter(usable)
  const computeOf = (operation: NonNullable<Ceiling['operation']>, dtype: string) =>
    highest(
      atThreads(
        ceilings.filter(
          (c) =>
            c.kind === 'compute' &&
            c.dtype === dtype &&
            (c.operation ?? 'fma') === operation &&
            (c.engine ?? 'vector') === 'vector',
        ),
        threads,
      ),
    )
  const peaks = new Map(
    (['f32', 'f64', 'int8'] as const).map((dtype) => [dtype, computeOf(dtype === 'int8' ? 'dot' : 'fma', dtype)]),
  )
  const needed = programs.flatMap(({parts}) => parts.map(({computes}) => computes ?? 'f32'))
  const bandwidths = atThreads(
    ceilings.filter((c) => c.kind === 'bandwidth' && c.level),
    threads,
  )
  // A level that was not measured is answered by the next outer one.
  const at = (level: string) =>
    order
      .slice(order.indexOf(level))
      .map((name) => bandwidths.filter((c) => c.level === name))
      .find((found) => found.length > 0)
  const pick =
    (found: readonly Ceiling[]) =>
    (mixes: readonly Mix[], others: readonly Mix[] = []) => {
      const of = (wanted: readonly Mix[]) => found.filter((c) => wanted.includes(c.mix ?? 'read'))
      const candidates = [of(mixes), of(others), of(['read']), found].find(({length}) => length > 0)!
      onUse?.(candidates)
      return highest(candidates)!
    }
  const {level, inner} = residenceOf(machine, bytes, threads)
  const here = at(level)
  const before = inner && inner.share > 0 ? at(inner.level) : undefined
  if (!here || needed.some((dtype) => !peaks.get(dtype))) return undefined
  return {
    compute: (dtype) => peaks.get(dtype)!,
    bytes: peaks.get('int8'),
    bandwidth: pick(here),
    inner: before ? {share: inner!.share, bandwidth: pick(before)} : undefined,
    special: (operation) => computeOf(operation, 'f32'),
  }
}

/** Bytes that a gather reads beyond once each. */
const gatheredAgain = (part: Part): number =>
  part.in.reduce((sum, name, i) => {
    const again = (part.gathered?.[name] ?? 0) - part.cost.reads[i]!.elements
    return again > 0 ? sum + tensorBytes({elements: again, type: part.types?.[name] ?? 'f32'}) : sum
  }, 0)

/**
 * Seconds of a level for bytes of which every mix beside theirs was measured: the faster of them decides, and besides no more can be stored
 * or loaded than where nothing else is done. A kernel that stores four bytes for each that it loads is held by its stores: 28 GB/s past the
 * caches of a Zen 4, where a copy moves 48.
 */
function levelTime(
  {reads, writes, inPlace}: Traffic,
  mixes: readonly (readonly Mix[])[],
  bandwidth: CpuRoof['bandwidth'],
  store: Mix | undefined,
): {seconds: number; bound: string} {
  const both = bandwidth(mixes[0]!, mixes[1])
  const limits = [{seconds: (reads + writes) / both.value, bound: both.id}]
  const isBetween = mixes[0]!.length > 1
  const alone = (bytes: number, mix: Mix) => {
    const ceiling = bandwidth([mix])
    if (ceiling.mix === mix) limits.push({seconds: bytes / ceiling.value, bound: ceiling.id})
  }
  if (isBetween && !(inPlace && reads <= writes)) alone(reads, 'read')
  if (isBetween && !inPlace && store) alone(writes, store)
  return limits.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
}

/**
 * Seconds that a part's bytes take at the least. Where something is updated in place, all of it at the rate of an update, the fastest of the
 * mixes, but what is read no faster than where nothing is written: Adam and momentum from memory stood at 107 to 121 % of a roof that took
 * their gradients before or after their updates.
 */
export function trafficTime(part: Part, roof: CpuRoof): {seconds: number; bound: string} {
  const isFar = isStreamed(part)
  const once = partTraffic(part)
  const traffic = {...once, reads: once.reads + gatheredAgain(part)}
  const {reads, writes, inPlace} = traffic
  const [own, regular] = [isFar, false].map((streamed) => mixOf(reads, writes, inPlace, streamed))
  const store = part.zeros ? undefined : isFar ? 'nt-write' : 'write'
  const outer = levelTime(traffic, [own!, regular!], roof.bandwidth, store)
  const near = roof.inner && levelTime(traffic, [regular!], roof.inner.bandwidth, store && 'write')
  // what was streamed is in no cache
  const found = isFar ? 0 : (roof.inner?.share ?? 0)
  const [outside, inside] = [(1 - found) * outer.seconds, near ? found * near.seconds : 0]
  return {seconds: outside + inside, bound: near && inside > outside ? near.bound : outer.bound}
}

/** Behind the id of a compute ceiling: the multiplications inside of functions are what makes it decide. */
export const withFunctions = '+functions'

/**
 * Multiply-adds in the part's type or, where those are faster, as products of bytes. Multiply-adds that scale sums of these wait for the same
 * unit: Zen 4 takes 4.0 cycles for four products of 64 bytes and 5.0 with one multiply-add beside them. Unpacking, shifting and converting,
 * which have other units, are not counted.
 */
function computeTime(part: Part, roof: CpuRoof): {seconds: number; bound: string} {
  const compute = roof.compute(part.computes ?? 'f32')
  const plain = {seconds: executed(part) / compute.value, bound: compute.id}
  if (!part.byteProducts || !roof.bytes) return plain
  const scaling = (2 * (part.byteScales ?? 0)) / roof.compute('f32').value
  const bytes = {seconds: (2 * part.byteProducts) / roof.bytes.value + scaling, bound: roof.bytes.id}
  return bytes.seconds < plain.seconds ? bytes : plain
}

/** Seconds that the roof allows for a part, and the id of the ceiling that decides. */
export function partTime(part: Part, roof: CpuRoof): {seconds: number; bound: string} {
  const compute = roof.compute(part.computes ?? 'f32')
  const limits = [trafficTime(part, roof), computeTime(part, roof)]
  // exp, tanh and erf are made of multiply-adds, which wait for the same unit as the operator's own: their times add up
  if (part.multiplies && (part.computes ?? 'f32') === 'f32') {
    const products = Math.min(part.cost.macs, part.cost.matrix / 2) + part.multiplies
    limits.push({seconds: (2 * products) / compute.value, bound: `${compute.id}${withFunctions}`})
  }
  // so do those of divisions and roots, which have another unit
  let dividing = 0
  for (const [operation, count] of Object.entries(part.specials ?? {})) {
    const ceiling = roof.special(operation as SpecialOperation)
    if (!ceiling) continue
    const seconds = count / ceiling.value
    const shares = operation === 'divide' || operation === 'sqrt'
    if (shares) dividing += seconds
    limits.push({seconds: shares ? dividing : seconds, bound: ceiling.id})
  }
  return limits.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
}

/** Seconds that the roof allows for a program, part after part, and the ceiling that decides most of it. */
export function programTime(program: Program, roof: CpuRoof): {seconds: number; bound: string} {
  const times = program.parts.map((part) => partTime(part, roof))
  const seconds = times.reduce((sum, time) => sum + time.seconds, 0)
  const longest = times.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
  return {seconds, bound: longest.bound}
}
