/** A document of placed points, as the page shows it: each point is an operator whose bound is its roof. */
import type {Analysis} from '../src/analysis/document/analysis.ts'
import type {PlacedPoint, Placement} from '../src/analysis/document/placement.ts'
import type {Warning} from '../src/analysis/errors.ts'
import {formatCount} from '../src/analysis/units.ts'
import {blankAnalysis} from './blank.ts'
import {UNSTATED} from './chart/classes.ts'
import {badDocument, isRecord, type Operator, type ReportDocument} from './document.ts'
import {misfit, placementShape, warningsShape} from './shape.ts'

/** What `perf place --json` prints. */
export interface PlacementDocument {
  readonly schema: 'ridgepoint/placement@1'
  readonly ok: true
  readonly result: Placement
  readonly warnings: readonly Warning[]
}

export const isPlacement = (value: unknown): boolean => isRecord(value) && value.schema === 'ridgepoint/placement@1'

/** @throws AnalysisError `bad-document` naming the first field that is wrong */
export function readPlacement(value: unknown): PlacementDocument {
  const result = isRecord(value) ? value.result : undefined
  if (!isRecord(result)) throw badDocument('"result" is not an object', 'give what `perf place --json` prints')
  const wrong =
    misfit(result, placementShape, 'result') ??
    misfit(isRecord(value) ? value.warnings : undefined, warningsShape, 'warnings')
  if (wrong) throw badDocument(wrong)
  if ((result.points as readonly unknown[]).length === 0) throw badDocument('"result.points" has no points')
  return value as unknown as PlacementDocument
}

const none = {lower: 0, predicted: null, upper: 0, reason: 'uncalibrated'}

function operatorOf(point: PlacedPoint, {level, dtype, roof}: Placement, vector: boolean, total: number): Operator {
  const {name, kind = UNSTATED, flops, bytes, seconds, least, intensity, bound} = point
  return {
    id: name,
    kind,
    repeat: 1,
    shape: {},
    formula: 'as it was counted',
    macs: vector ? 0 : flops / 2,
    flops,
    executedFlops: flops,
    special: 0,
    reads: [],
    writes: [],
    bytes: {[level]: bytes},
    intensity,
    bound,
    computes: point.dtype ?? dtype,
    time: {...none, lower: least, upper: flops / roof.compute.value + bytes / roof.bandwidth.value},
    share: seconds / total,
    fusedFrom: [],
  }
}

/** The points of a placement as the operators of a document; `share` is of the measured time. */
export function documentOf({result, warnings}: PlacementDocument): ReportDocument {
  const {machine, points, dtype, level, roof} = result
  const total = points.reduce((sum, p) => sum + p.seconds, 0)
  const vector = machine.ceilings.find((c) => c.id === roof.compute.id)?.engine === 'vector'
  const sum = (pick: (p: PlacedPoint) => number) => points.reduce((all, p) => all + pick(p), 0)
  const flops = sum((p) => p.flops)
  const bytes = sum((p) => p.bytes)
  const name = points.length === 1 ? points[0]!.name : `${formatCount(points.length)} measured points`
  const blank = blankAnalysis(name, machine, dtype)
  const analysis: Analysis = {
    ...blank,
    operators: points.map((point) => operatorOf(point, result, vector, total)),
    totals: {
      ...blank.totals,
      ...{flops, executedFlops: flops, bytes: {[level]: bytes}, intensity: bytes > 0 ? flops / bytes : null},
      time: {...none, lower: sum((p) => p.least), upper: total},
    },
  }
  return {schema: 'ridgepoint/analysis@1', ok: true, result: analysis, warnings}
}
