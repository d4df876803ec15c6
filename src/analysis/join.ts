/** Measured points beside the operators of an analysis: joined by id. Pure functions. */
import {nearest} from './catalog.ts'
import type {Analysis} from './document/analysis.ts'
import type {Joined, PlacedPoint} from './document/placement.ts'
import {AnalysisError, quoted, type Warning} from './errors.ts'
import type {Point} from './importers/points.ts'
import {isImplausible} from './plausible.ts'
import {format, formatShare} from './units.ts'

type Operator = Analysis['operators'][number]

/** The point under the bound of its operator, whatever ceilings made that bound. Seconds are of one instance. */
export function placeOperator(point: PlacedPoint, {bound, repeat, time, id, computes}: Operator): PlacedPoint {
  const {lower, upper} = time
  const efficiency = lower / point.seconds
  const implausible = isImplausible(efficiency)
  const {reason: _, ...rest} = point
  return {
    ...rest,
    dtype: computes,
    attainable: point.flops > 0 && lower > 0 ? point.flops / lower : null,
    least: lower,
    efficiency,
    bound: bound ?? 'latency',
    verdict: implausible ? 'implausible' : 'ok',
    ...(implausible
      ? {
          reason: `${formatShare(efficiency)} of the bound: ${id} takes at least ${format(lower, 's')} here; check that the seconds are of one instance${repeat > 1 ? `, of ${repeat}` : ''}, and of the same workload`,
        }
      : {}),
    operator: {repeat, lower, upper},
  }
}

/** At most `most` names in a message. */
const some = (names: readonly string[], most = 5): string =>
  names.slice(0, most).map(quoted).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')

/**
 * What was joined and what was not.
 * @throws AnalysisError `bad-points` where no point is named after an operator
 */
export function joinOf(
  points: readonly Point[],
  placed: readonly PlacedPoint[],
  analysis: Analysis,
): {join: Joined; warnings: Warning[]} {
  const {operators, model} = analysis
  const ids = operators.map(({id}) => id)
  const known = new Set(ids)
  const unknown = points.map(({name}) => name).filter((name) => !known.has(name))
  const fastest = new Map<string, number>()
  for (const {name, seconds, operator} of placed)
    if (operator) fastest.set(name, Math.min(seconds, fastest.get(name) ?? Number.POSITIVE_INFINITY))
  const hints = unknown.slice(0, 3).flatMap((name) =>
    nearest(name, ids)
      .slice(0, 1)
      .map((id) => `did you mean "${id}"?`),
  )
  if (fastest.size === 0)
    throw new AnalysisError('bad-points', `no point is named after an operator of ${model.name}: ${some(unknown)}`, [
      ...new Set(hints),
      `operators: ${ids.slice(0, 12).join(', ')}${ids.length > 12 ? ` and ${ids.length - 12} more` : ''}`,
      'name the points after operators; ncu --nvtx --print-nvtx-rename kernel names kernels after NVTX ranges',
    ])
  const sum = (pick: (op: Operator) => number) =>
    operators.reduce((total, op) => (fastest.has(op.id) ? total + pick(op) : total), 0)
  const warnings: Warning[] =
    unknown.length === 0
      ? []
      : [
          {
            code: 'unknown-operators',
            message: `${unknown.length} of ${points.length} points are no operators of ${model.name}: ${some(unknown)}${hints.length > 0 ? `; ${hints[0]}` : ''}`,
          },
        ]
  return {
    join: {
      model: {id: model.id, name: model.name},
      measured: sum((op) => fastest.get(op.id)! * op.repeat),
      lower: sum((op) => op.time.lower * op.repeat),
      share: sum((op) => op.share),
      unknown: [...new Set(unknown)],
      unmeasured: ids.filter((id) => !fastest.has(id)),
    },
    warnings,
  }
}
