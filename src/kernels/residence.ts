/** In which cache a working set lies, and what a pass over a larger one still finds there. Pure. */
import type {Machine} from '../analysis/document/machine.ts'

type Cache = NonNullable<Machine['identity']['caches']>[number]

/** Share of a cache that a working set may fill and still be counted as resident. */
const fill = 0.8

/** Where a working set lies. */
export interface Residence {
  /** the innermost level that holds it */
  level: string
  /** the cache before that level, and the share of the working set that it may still hold from the last pass */
  inner?: {level: string; share: number}
}

/** Bytes of a cache: what the sweep found, or the system claims. */
const sizeOf = ({found, claimed}: Cache): number => found ?? claimed ?? 0

/**
 * The most that a pass finds, by size alone: what the cache holds, and ever less as the set grows, since caches replace what was used longest ago.
 * Measured on Zen 4, a set of 1.06 times the L3 still moves at half of its bandwidth, one of four times at none, and of one that is 1.25 times L1
 * each line comes from L2 (1.96 to 2.07 cycles, L2's own rate).
 */
const forgottenIn = (level: string): number => (level === 'L1' ? 1.25 : 4)

const rememberedOf = (level: string, times: number): number =>
  Math.min(1, 1 / times) * Math.min(1, Math.max(0, 1 - (times - 1) / (forgottenIn(level) - 1)))

/** A sweep that ends before this many times what is claimed of a cache says nothing of what lies beyond it. */
const beyond = 1.5

interface SweepPoint {
  bytes: number
  bytesPerSecond: number
}

const isPoint = (point: unknown): point is SweepPoint =>
  typeof point === 'object' && point !== null && 'bytes' in point && 'bytesPerSecond' in point

/**
 * What passes over ever larger sets found of them in the outermost cache, by the sweep of reads: with *d* seconds a byte from memory, *c* from the cache
 * and *t* of a set, *(d - t) / (d - c)* of its lines. From where memory is reached the share is 0, and of a larger set never more than of a smaller one.
 *
 * Size alone does not say it. Emerald Rapids (260 MiB claimed, shared with other guests) found 13 to 25 % of 256 MiB, 2 to 9 % of 320 and none of
 * 384, 520, 1024 and 1536 (passes in turn, one thread, 23 November, 10:22 UTC; of two threads at best 5 % of 520), and in six sweeps that said 91 to 168 MiB
 * nothing from 1.4 to 2.4 times that on. That nothing is left from four times on had let up to a tenth of the sizes from memory (twice what is claimed and
 * more, from-memory.ts) lie there after one sweep, and none after another. Zen 4 keeps more (32 MiB claimed, 23 to 27 found in nine sweeps): 10 to 50 % at twice
 * what was found, in four of nine sweeps a quarter to a half at 64 MiB, nothing at four times.
 * @param inside bytes of the caches before it
 * @returns `undefined` where the sweep does not reach beyond the cache
 */
function foundBy(machine: Machine, outermost: Cache, inside: number): ((bytes: number) => number) | undefined {
  const given: unknown = machine.identity.sweep
  const sweep = (Array.isArray(given) ? given : []).filter(isPoint).sort((a, b) => a.bytes - b.bytes)
  const size = sizeOf(outermost)
  const times = sweep.filter(({bytes}) => bytes > 2 * inside).map((p) => ({bytes: p.bytes, time: 1 / p.bytesPerSecond}))
  const far = times
    .filter(({bytes}) => bytes >= beyond * Math.max(size, outermost.claimed ?? 0))
    .map(({time}) => time)
    .sort((a, b) => a - b)
  const near = times.filter(({bytes}) => bytes <= fill * size).map(({time}) => time)
  const [memory, cache] = [far[(far.length - 1) >> 1], near.length > 0 ? Math.min(...near) : undefined]
  if (!memory || !cache || !(memory > cache)) return undefined
  let least = 1
  const points = times.map(({bytes, time}) => {
    least = Math.min(least, Math.max(0, (memory - time) / (memory - cache)))
    return {at: Math.log(bytes), share: least}
  })
  const shareAt = (bytes: number) => {
    const at = Math.log(bytes)
    const next = points.findIndex((point) => point.at > at)
    const [a, b] = [points[next < 0 ? points.length - 1 : Math.max(0, next - 1)]!, points[next]]
    return a.at > at || !b ? a.share : a.share + ((b.share - a.share) * (at - a.at)) / (b.at - a.at)
  }
  // what counts as resident has all of it there: no step behind that
  const whole = shareAt(fill * size)
  return whole > 0 ? (bytes) => Math.min(1, shareAt(bytes) / whole) : undefined
}

/** Where `bytes` spread over `threads` threads lie, by what the sweep found or the system claims. */
export function residenceOf(machine: Machine, bytes: number, threads: number): Residence {
  const caches = (machine.identity.caches ?? []).filter((cache) => sizeOf(cache) > 0)
  let inner: Residence['inner']
  let inside = 0
  for (const [i, cache] of caches.entries()) {
    const sharedBy = typeof cache.sharedBy === 'number' ? cache.sharedBy : 1
    const of = Math.ceil(threads / sharedBy)
    const times = bytes / (of * sizeOf(cache))
    if (times <= fill) return inner ? {level: cache.level, inner} : {level: cache.level}
    const measured = i === caches.length - 1 ? foundBy(machine, cache, inside) : undefined
    inner = {level: cache.level, share: Math.min(rememberedOf(cache.level, times), measured?.(bytes / of) ?? 1)}
    inside += sizeOf(cache)
  }
  return inner ? {level: 'DRAM', inner} : {level: 'DRAM'}
}

/**
 * The caches before a level, and the most that threads which meet in one find there or nearer: all that the system claims of each, though
 * other data wants its place, and their sum, since a cache may keep what those before it threw out (Zen 4's L3 does).
 */
export function cachesBefore(machine: Machine, level: string, threads: number): {level: string; holds: number}[] {
  const before: {level: string; holds: number}[] = []
  let [holds, meeting] = [0, 1]
  for (const cache of machine.identity.caches ?? []) {
    if (cache.level === level) break
    const sharedBy = typeof cache.sharedBy === 'number' ? cache.sharedBy : 1
    const meet = Math.max(meeting, Math.min(threads, sharedBy))
    holds = holds * (meet / meeting) + Math.max(cache.found ?? 0, cache.claimed ?? 0)
    meeting = meet
    before.push({level: cache.level, holds})
  }
  return before
}
