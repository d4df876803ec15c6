/** Which working sets stand for which memory level, and where a sweep finds the levels to end. Pure functions. */
import type {ClaimedCache} from './identity.ts'

export type LevelName = 'L1' | 'L2' | 'L3' | 'DRAM'

/** Bytes per thread that stand for a cache level. */
export interface LevelSet {
  level: Exclude<LevelName, 'DRAM'>
  bytes: number
}

/** The kernels read whole bodies of 2 KiB without a tail when sets are multiples of it. */
const grain = 2048
const KiB = 1024
const MiB = 1024 * KiB

/** Used where a machine says nothing of its caches: the smallest common sizes of the last ten years. */
export const assumedCaches: readonly ClaimedCache[] = [
  {level: 'L1', claimed: 32 * KiB, sharedBy: 1},
  {level: 'L2', claimed: 256 * KiB, sharedBy: 1},
]

const toGrain = (bytes: number): number => Math.max(grain, Math.round(bytes / grain) * grain)

/**
 * The working set per thread for each cache, with `threads` threads running. Half of L1; in L2 the geometric mean of a
 * thread's share of it and of L1, far from both ends. In L3 a quarter
 * of the share, since a virtual machine rarely gets the L3 it is told of, but at least four times the share of L2, so that L2 holds
 * little of it, and at most eight times; where L3 is hardly larger than L2 (and does not include it), their sum less half of L3. Of 260 MiB
 * that neighbours share a quarter is too much: on Emerald Rapids three runs read those 65 MiB at 26, 29 and 31 GB/s, 8 to 45 MiB at 30 to 31 in each, and
 * beside a kernel, which takes their place, a turn of 8 ms went over them once and mostly read memory: copies at 14 to 19 GB/s for 28.
 */
export function levelSets(caches: readonly ClaimedCache[], threads: number): LevelSet[] {
  const sets: LevelSet[] = []
  let inner = 0
  for (const {level, claimed, sharedBy} of caches) {
    const share = claimed / Math.min(sharedBy, threads)
    // of an L2 that the system does not name nothing is known
    const most = sets.at(-1)?.level === 'L2' ? 8 * inner : share
    let bytes = level === 'L1' ? share / 2 : Math.sqrt(inner * share)
    if (level === 'L3')
      bytes = share / 2 >= 4 * inner ? Math.max(4 * inner, Math.min(most, share / 4)) : inner + share / 2
    if (level === 'L3' || bytes > inner) sets.push({level, bytes: toGrain(bytes)})
    inner = share
  }
  return sets
}

/** One point of the working-set curve. */
export interface SweepPoint {
  bytes: number
  bytesPerSecond: number
  /** seconds of one dependent load from the same set */
  latency?: number
}

/** Working sets for a sweep from 4 KiB to `largest`, `perOctave` to a doubling. */
export function sweepSizes(largest: number, perOctave: number): number[] {
  const sizes: number[] = []
  for (let step = 0; ; step++) {
    const bytes = toGrain(4 * KiB * 2 ** (step / perOctave))
    if (bytes > largest) return sizes
    if (bytes !== sizes.at(-1)) sizes.push(bytes)
  }
}

/** Neighbouring levels whose bandwidths differ by less than this factor show no knee that can be told from noise. */
const discernible = 1.25

/** A rate at a working set. */
export interface CurvePoint {
  bytes: number
  rate: number
}

/**
 * Where a level ends: the largest working set whose rate is still nearer (by ratio) to the level's than to the next outer one's, or, where
 * the cache is said to be larger, the set between that and the next where the line between their rates (both in logarithms) passes the
 * middle. A quick sweep has one set an octave: of 2 MiB whose rate has begun to fall it said 1, and a kernel of 1.2 MB from L2 stood at 115 % of a
 * roof that had a part of it come from L3 (Emerald Rapids).
 * @param claimed bytes that the cache is said to have
 * @returns bytes, or `null` where the two levels are too alike or the curve never falls that far
 */
export function findKnee(curve: readonly CurvePoint[], inner: number, outer: number, claimed: number): number | null {
  if (!(inner > outer * discernible)) return null
  const threshold = Math.sqrt(inner * outer)
  const at = curve.findLastIndex(({rate}) => rate >= threshold)
  const [last, next] = [curve[at], curve[at + 1]]
  if (!last || !next) return null
  const part = Math.log(last.rate / threshold) / Math.log(last.rate / next.rate)
  const crossing = toGrain(last.bytes * (next.bytes / last.bytes) ** part)
  return Math.max(last.bytes, Math.min(claimed, crossing))
}

/**
 * Where each cache ends by measurement: by the bandwidth of reads, where two levels differ in it, else by latency, since a prefetcher may hide
 * the step from one level to the next (Zen 4 reads L3 at 85 % of L2). A set that is read from end to end loses a cache at once when it is
 * larger; one that is visited in no order still finds a share of itself there, so that latency climbs over a factor of four, and where it
 * passes the middle differs from run to run: on Emerald Rapids L2 (2 MiB) ended at 1.4, 2.8 and 4 MiB by latency and L3 (260 MiB claimed,
 * shared with other guests) at 45 and 108 MiB, by bandwidth at 1.4 to 2 and 91 to 108 MiB. By latency no cache is larger than it is said to be.
 * @param latencies seconds of a dependent load per level
 * @param rates bytes per second per level, one thread
 */
export function findLevels(
  caches: readonly ClaimedCache[],
  curve: readonly SweepPoint[],
  latencies: ReadonlyMap<LevelName, number>,
  rates: ReadonlyMap<LevelName, number>,
): {level: ClaimedCache['level']; claimed: number; sharedBy: number; found: number | null}[] {
  const order = ['L1', 'L2', 'L3', 'DRAM'] as const
  const chased = curve.flatMap(({bytes, latency}) => (latency ? [{bytes, rate: 1 / latency}] : []))
  const read = curve.map(({bytes, bytesPerSecond}) => ({bytes, rate: bytesPerSecond}))
  const knee = (
    points: readonly CurvePoint[],
    {level, claimed}: ClaimedCache,
    of: (level: LevelName) => number | undefined,
  ) => {
    const inner = of(level)
    const outer = order.slice(order.indexOf(level) + 1).flatMap((next) => of(next) ?? [])[0]
    return inner && outer ? findKnee(points, inner, outer, claimed) : null
  }
  const atMost = (claimed: number, found: number | null) => (found === null ? null : Math.min(claimed, found))
  const speed = (level: LevelName) => {
    const seconds = latencies.get(level)
    return seconds ? 1 / seconds : undefined
  }
  return caches.map((cache) => ({
    ...cache,
    found: knee(read, cache, (l) => rates.get(l)) ?? atMost(cache.claimed, knee(chased, cache, speed)),
  }))
}

/** Memory of a measurement, per thread, first thread first. */
export interface MemoryPlan {
  bytesPerThread: number[]
  /** bytes at the start of each thread's memory for the sets that stay in the caches */
  residentPerThread: number[]
  /** bytes that one repetition of one thread reads from DRAM before it moves on */
  window: number
  /** bytes of the longest pointer chase, apart from the threads' memory */
  chase: number
  /** the set is smaller than twice the outermost cache, because memory is short */
  short: boolean
}

/** The largest set of `threads` threads that takes no more than `room` bytes in all; larger ones are not measured. */
const largestSet = (caches: readonly ClaimedCache[], threads: number, room: number): number =>
  Math.max(
    grain,
    ...levelSets(caches, threads)
      .map(({bytes}) => bytes)
      .filter((bytes) => bytes * threads <= room),
  )

/** A measurement takes half of what is free, and half of this at most. */
export const mostMemory = 4096 * MiB
/** What a thread's memory is rounded up to: a huge page. */
const page = 2 * MiB

/**
 * Plans memory. The thread that also runs alone reads four times the outermost cache (128 MiB at least, 1 GiB at most) from DRAM;
 * each other has as much where 512 MiB in all allow it, since virtual CPUs that claim to share an L3 may each have their own.
 * @param available bytes that are free; half of them are taken at most, and 2 GiB
 */
export function planMemory(caches: readonly ClaimedCache[], threads: number, available: number): MemoryPlan {
  const free = Math.min(available, mostMemory)
  const outermost = caches.at(-1)?.claimed ?? 0
  const together = largestSet(caches, threads, free / 8)
  const residentPerThread = Array.from({length: threads}, (_, i) =>
    i === 0 ? Math.max(together, largestSet(caches, 1, free / 8)) : together,
  )
  const allowed = Math.max(0, free / 3 - residentPerThread.reduce((a, b) => a + b) - threads * page)
  const alone = toGrain(Math.min(allowed / 2, 1024 * MiB, Math.max(128 * MiB, 4 * outermost)))
  const others = toGrain(Math.min(alone, Math.min(allowed / 2, 512 * MiB) / threads))
  // 10 lines less than a power of two per stream keep the eight streams from falling into the same cache set.
  const streams = 8
  const lines = Math.floor(Math.min(32 * MiB, (threads > 1 ? others : alone) / 4) / 64 / streams / 64) * 64 - 10
  return {
    bytesPerThread: residentPerThread.map((resident, i) => resident + (i === 0 ? alone : others)),
    residentPerThread,
    window: Math.max(64, lines * streams * 64),
    // four times the outermost cache, 64 to 256 MiB, where a twelfth of what is free allows it; the curve holds a second cycle of that size
    chase: toGrain(Math.min(free / 12, 256 * MiB, Math.max(64 * MiB, 4 * outermost))),
    short: alone < 2 * outermost,
  }
}
