/** Measured runs of kernels as points, each joined to what its roof allows. */
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import type {PlacedPoint} from '../../src/analysis/document/placement.ts'
import {format, formatShare, rateUnit} from '../../src/analysis/units.ts'
import type {Operator} from '../document.ts'
import {classLabel, classOf, classOfKind, type OperatorClass} from './classes.ts'
import {formatIntensity} from './points.ts'
import type {Frame} from './roofs.ts'

export interface Run {
  readonly id: string
  readonly cls: string
  readonly classId: OperatorClass
  /** of the measured time; 0 for kernels that belong to no workload */
  readonly share: number
  readonly intensity: number
  /** FLOP/s of the fastest repetition */
  readonly performance: number
  /** FLOP/s that its ceilings allow */
  readonly attainable: number
  readonly summary: string
  /** a search leaves it out */
  readonly faded?: boolean
}

const classed = (classId: OperatorClass) => ({classId, cls: classLabel(classId)})

const believable: ReadonlySet<string> = new Set(['ok', 'noisy', 'throttled'])

/** Runs that computed something and can be believed; those without FLOPs, wrong or implausible have no place on the chart. A disturbed one says so. */
export function runsOf(kernels: readonly BenchKernel[], frame: Frame): Run[] {
  return kernels.flatMap((kernel) => {
    const {id, op, flops, intensity, flopsPerSecond, attainable, verdict, efficiency, dims, dtype} = kernel
    // one product in blocks of many sizes has a view of its own
    if (id === 'gemm-blocked') return []
    if (!believable.has(verdict) || !intensity || !(flopsPerSecond > 0) || !attainable) return []
    if (intensity < frame.x[0] || intensity > frame.x[1] || flopsPerSecond < frame.y[0]) return []
    const size = Object.values(dims).join('×')
    const rate = format(flopsPerSecond, rateUnit(dtype))
    const doubt = verdict === 'ok' ? '' : `, ${verdict}`
    return [
      {
        id: `${id} ${size} ${dtype}`,
        ...classed(classOfKind(op, flops)),
        share: 0,
        intensity,
        performance: flopsPerSecond,
        attainable,
        summary: `measured ${id} ${size} ${dtype}: ${rate} at ${formatIntensity(intensity)}, ${formatShare(efficiency)} of what its roof allows${doubt}`,
      },
    ]
  })
}

/**
 * Points measured elsewhere; an implausible one is drawn too, above its roof, and says so. A point that is an operator has its class.
 */
export function placedRuns(points: readonly PlacedPoint[], frame: Frame, operators: readonly Operator[]): Run[] {
  const known = new Map(operators.map((op) => [op.id, op]))
  const secondsOf = (point: PlacedPoint) => point.seconds * (point.operator?.repeat ?? 1)
  const total = points.reduce((sum, point) => sum + secondsOf(point), 0)
  return points.flatMap((point) => {
    const {name, kind, flops, intensity, achieved, attainable, efficiency, verdict, dtype} = point
    if (!intensity || !achieved || !attainable) return []
    if (intensity < frame.x[0] || intensity > frame.x[1] || achieved < frame.y[0] || achieved > frame.y[1]) return []
    const doubt = verdict === 'ok' ? '' : `, ${verdict}`
    const op = kind === undefined ? known.get(name) : undefined
    return [
      {
        id: name,
        ...classed(op ? classOf(op) : classOfKind(kind, flops)),
        share: secondsOf(point) / total,
        intensity,
        performance: achieved,
        attainable,
        summary: `measured ${name}: ${format(achieved, rateUnit(dtype ?? known.get(name)?.computes))} at ${formatIntensity(intensity)}, ${formatShare(efficiency)} of what its roof allows${doubt}`,
      },
    ]
  })
}
