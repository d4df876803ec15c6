/** Puts measurements under a machine's roof: how far each is from what the machine allows. */
import type {Analysis} from './document/analysis.ts'
import type {Machine} from './document/machine.ts'
import type {PlacedPoint, Placement} from './document/placement.ts'
import type {ComputeDType} from './dtype.ts'
import {AnalysisError, type Warning} from './errors.ts'
import type {Point} from './importers/points.ts'
import {joinOf, placeOperator} from './join.ts'
import {aboveRoof, isImplausible} from './plausible.ts'
import {attainable, type ComputeRoof, type Level, type LevelRoof, prepareRoof, ridgePoint} from './roofline.ts'
import {format, formatShare, rateUnit} from './units.ts'

export {type Points, parsePoints, pointOf} from './importers/points.ts'

export interface PlaceOptions {
  /** type of the arithmetic; f32 when nothing is said */
  dtype?: ComputeDType | undefined
  /** `vector` for work that no matrix engine takes */
  engine?: 'matrix' | 'vector' | undefined
  /** memory level that the bytes were counted at; the outermost when nothing is said */
  level?: Level | undefined
  /** points that are named after an operator of this analysis stand beside it, under its bound */
  join?: Analysis | undefined
}

/** A point whose FLOPs and bytes are known. */
export type WholePoint = Point & {readonly flops: number; readonly bytes: number}

const isWhole = (point: Point): point is WholePoint => point.flops !== null && point.bytes !== null

function doubt(point: WholePoint, compute: ComputeRoof, memory: LevelRoof, efficiency: number, inner: boolean): string {
  const rates: string[] = []
  const unit = rateUnit(compute.dtype)
  if (point.flops / point.seconds > compute.rate * aboveRoof) {
    rates.push(
      `${format(point.flops / point.seconds, unit)} exceed ${compute.ceiling.id} (${format(compute.rate, unit)}): check the FLOPs (1 MAC = 2 FLOP), the type, or a sparse peak`,
    )
  }
  if (point.bytes / point.seconds > memory.rate * aboveRoof) {
    const cause = inner ? 'check the bytes' : 'the bytes may have come from a cache'
    rates.push(
      `${format(point.bytes / point.seconds, 'B/s')} exceed ${memory.ceiling.id} (${format(memory.rate, 'B/s')}): ${cause}`,
    )
  }
  return `${formatShare(efficiency)} of the roof: ${rates.join('; ')}`
}

/** A point does not say how much it reads and writes: the roof over it is the fastest mix measured (in place, often). */
function anyMix(level: LevelRoof): LevelRoof {
  const ceiling = [...(level.mixes?.values() ?? [])].reduce((top, c) => (c.value > top.value ? c : top), level.ceiling)
  return {...level, ceiling, rate: ceiling.value}
}

/** One point under a compute and a bandwidth ceiling. */
function placePoint(point: WholePoint, compute: ComputeRoof, memory: LevelRoof): PlacedPoint {
  const {name, flops, bytes, seconds, count} = point
  const arithmetic = flops / compute.rate
  const traffic = bytes / memory.rate
  const least = Math.max(arithmetic, traffic)
  const efficiency = least / seconds
  const intensity = bytes > 0 ? flops / bytes : null
  const implausible = isImplausible(efficiency)
  return {
    name,
    flops,
    bytes,
    seconds,
    ...(count === undefined ? {} : {count}),
    dtype: compute.dtype,
    intensity,
    attainable:
      flops === 0 ? null : intensity === null ? compute.rate : attainable(intensity, compute.rate, memory.rate),
    achieved: flops === 0 ? null : flops / seconds,
    bandwidth: bytes === 0 ? null : bytes / seconds,
    least,
    efficiency,
    bound: traffic >= arithmetic ? memory.ceiling.id : compute.ceiling.id,
    verdict: implausible ? 'implausible' : 'ok',
    ...(implausible ? {reason: doubt(point, compute, memory, efficiency, memory.level !== 'DRAM')} : {}),
  }
}

/**
 * Places measurements under the roof of one machine. A point above 101 % of the roof is kept and flagged with a reason.
 * @throws AnalysisError `bad-flag` for a memory level that the machine has no ceiling for, `bad-points` for no points or
 * a rate that leaves the numbers
 */
export function place(
  points: readonly Point[],
  machine: Machine,
  options: PlaceOptions = {},
): {result: Placement; warnings: Warning[]} {
  const roof = prepareRoof(machine)
  const levels = roof.levels.map(({level}) => level)
  const level = options.level ? roof.levels.find(({level}) => level === options.level) : roof.levels[0]
  if (!level)
    throw new AnalysisError('bad-flag', `--level ${options.level}: ${machine.id} has no bandwidth for it`, [
      `use --level ${levels.join(', ')}`,
    ])
  const memory = anyMix(level)
  const {join} = options
  if (points.length === 0)
    throw new AnalysisError('bad-points', 'there are no points to place', [
      'give --flops, --bytes and --seconds, or --points FILE',
    ])
  const dtype = options.dtype ?? (join?.workload.dtype.activations as ComputeDType | undefined) ?? 'f32'
  const compute = roof.compute(options.engine ?? 'matrix', dtype)
  const operators = new Map(join?.operators.map((op) => [op.id, op]))
  const placed = points.flatMap((point): PlacedPoint[] => {
    const operator = operators.get(point.name)
    const whole = {
      ...point,
      flops: point.flops ?? operator?.flops ?? null,
      bytes: point.bytes ?? operator?.bytes[memory.level] ?? null,
    }
    if (!isWhole(whole)) return []
    const own = placePoint(whole, compute, memory)
    return [operator ? placeOperator(own, operator) : own]
  })
  const joined = join && joinOf(points, placed, join)
  const broken = placed.find(
    (p) => ![p.achieved ?? 0, p.bandwidth ?? 0, p.intensity ?? 0, p.efficiency].every(Number.isFinite),
  )
  if (broken)
    throw new AnalysisError('bad-points', `${broken.name}: a rate leaves the numbers (${broken.seconds} s)`, [
      'check the unit of the seconds',
    ])
  const flagged = placed.filter((p) => p.verdict === 'implausible')
  const warnings: Warning[] = [
    ...(joined?.warnings ?? []),
    ...flagged.map((p) => ({code: 'implausible', message: `${p.name}: ${p.reason}`})),
  ]
  const {ceiling} = compute
  const result: Placement = {
    machine: {
      id: machine.id,
      name: machine.name,
      memory: machine.memory?.capacity ?? null,
      ceilings: [...machine.ceilings],
    },
    dtype: compute.dtype,
    level: memory.level,
    roof: {
      compute: {id: ceiling.id, value: ceiling.value, unit: ceiling.unit},
      bandwidth: {id: memory.ceiling.id, value: memory.rate, unit: memory.ceiling.unit},
      ridge: ridgePoint(compute.rate, memory.rate),
    },
    points: placed,
    ...(joined ? {join: joined.join} : {}),
  }
  return {result, warnings: [...warnings, ...roof.warnings]}
}
