/** Cache levels of a GPU, read off its bandwidth over working sets. Pure. */

/** One working set of one buffer, and the rate at which it was read. */
export interface CurvePoint {
  /** B */
  bytes: number
  bytesPerSecond: number
}

/** A plateau of the curve. */
export interface FoundLevel {
  level: 'L1' | 'L2' | 'DRAM'
  /** largest working set that still reads at the level's rate, B */
  reach: number
  /** working set to measure it at, B */
  at: number
}

/** A level nearer to the cores is one where it reads at least this much faster than the next. */
const step = 1.3

/**
 * Memory is the largest set. The largest set that reads 1.3 times as fast ends the outer cache; within it, the largest that reads 1.3 times
 * as fast as the outer cache's far half ends the inner one. A level is measured at a quarter of its reach.
 */
export function gpuLevels(curve: readonly CurvePoint[]): FoundLevel[] {
  const points = [...curve].sort((a, b) => a.bytes - b.bytes)
  const memory = points.at(-1)
  if (!memory) return []
  const levels: FoundLevel[] = [{level: 'DRAM', reach: memory.bytes, at: memory.bytes}]
  const ends = (rate: number, among: readonly CurvePoint[]) =>
    among.filter(({bytesPerSecond}) => bytesPerSecond >= step * rate).at(-1)
  const within = (reach: number) => points.filter(({bytes}) => bytes <= reach)
  const at = (reach: number) => within(Math.max(reach / 4, points[0]!.bytes)).at(-1)!
  const outer = ends(memory.bytesPerSecond, points)
  if (!outer) return levels
  const middle = at(outer.bytes)
  levels.unshift({level: 'L2', reach: outer.bytes, at: middle.bytes})
  const inner = ends(middle.bytesPerSecond, within(middle.bytes))
  if (inner) levels.unshift({level: 'L1', reach: inner.bytes, at: at(inner.bytes).bytes})
  return levels
}
