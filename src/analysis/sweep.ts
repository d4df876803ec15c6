/** One analysis over ranges of batch, sequence and context, and the points where the bound changes. */
import {evaluateModel, incomplete, misplaced} from './analyze.ts'
import type {Machine} from './document/machine.ts'
import type {Crossing, Dimension, Fit, Sweep, SweepRow} from './document/sweep.ts'
import {AnalysisError, type Warning} from './errors.ts'
import type {Evaluation} from './evaluate.ts'
import {idle} from './idle.ts'
import {buildGraph, type ModelDef, traitsOf} from './models/types.ts'
import {compressionSummary} from './rewrites.ts'
import {prepareRoof, type Roof} from './roofline.ts'
import {totalsOf} from './totals.ts'
import {format, formatCount} from './units.ts'
import {resolveWorkload, type Workload, type WorkloadOptions} from './workload.ts'

export {parseRange} from './range.ts'

/** Rows of one sweep, all dimensions together. */
const MOST_ROWS = 10_000

const dimensions: readonly Dimension[] = ['batch', 'seq', 'context']
export type Ranges = Partial<Record<Dimension, readonly number[]>>
type Sizes = Record<Dimension, number>
type Bounds = ReadonlyMap<string | null, string | null>

export interface SweepOptions extends WorkloadOptions {
  /** seconds that starting one operator takes */
  launchOverhead?: number | undefined
}

export interface SweepOutcome {
  result: Sweep
  warnings: Warning[]
}

/** The bound of the whole pass (under `null`) and of every operator. */
function boundsOf(evaluation: Evaluation): Bounds {
  const bounds = new Map<string | null, string | null>([[null, evaluation.bound]])
  for (const op of evaluation.operators) bounds.set(op.id, op.bound)
  return bounds
}

/** What is kept of an evaluation: its operators, held for 10,000 rows, would fill the memory. */
interface Point {
  readonly row: SweepRow
  readonly bounds: Bounds
}

type At = (sizes: Sizes) => Point

/**
 * Changes of the bound between two values of one dimension. With `exact`, bisection narrows each to neighbours; what
 * flips and flips back between two rows is not seen.
 */
function crossingsBetween(
  low: Sizes,
  high: Sizes,
  dimension: Dimension,
  exact: boolean,
  at: At,
  fixed: Crossing['fixed'],
): Crossing[] {
  const before = at(low).bounds
  const after = at(high).bounds
  const found: Crossing[] = []
  for (const [operator, bound] of before) {
    let from = low[dimension]
    let left = bound
    const right = after.get(operator)
    if (right === undefined) continue
    const boundAt = (n: number) => at({...low, [dimension]: n}).bounds.get(operator) ?? null
    while (left !== right) {
      let to = high[dimension]
      let last = from
      if (exact) {
        while (to - last > 1) {
          const middle = last + Math.floor((to - last) / 2)
          if (boundAt(middle) === left) last = middle
          else to = middle
        }
      }
      const next = exact ? boundAt(to) : right
      found.push({operator, dimension, from: last, at: to, before: left, after: next, exact: to - last === 1, fixed})
      from = to
      left = next
    }
  }
  return found
}

function allCrossings(varying: readonly Dimension[], ranges: Required<Ranges>, at: At): Crossing[] {
  const exact = varying.length === 1
  return varying.flatMap((dimension) => {
    const others = dimensions.filter((d) => d !== dimension)
    const values = ranges[dimension]
    return ranges[others[0]!].flatMap((first) =>
      ranges[others[1]!].flatMap((second) => {
        const base = {[others[0]!]: first, [others[1]!]: second}
        const fixed = Object.fromEntries(Object.entries(base).filter(([d]) => varying.includes(d as Dimension)))
        return values.slice(1).flatMap((value, i) => {
          const low = {...base, [dimension]: values[i]!} as Sizes
          return crossingsBetween(low, {...low, [dimension]: value}, dimension, exact, at, fixed)
        })
      }),
    )
  })
}

function remarks(rows: readonly SweepRow[], model: ModelDef, machine: Machine, work: Workload, roof: Roof): Warning[] {
  const warnings: Warning[] = []
  const over = rows.filter((row) => row.fits === false)
  if (over.length > 0) {
    warnings.push({
      code: 'does-not-fit',
      message: `${over.length} of ${rows.length} rows need more than the ${format(machine.memory!.capacity, 'B')} of ${machine.id}`,
    })
  }
  const positions = traitsOf(model).positions ?? Number.POSITIVE_INFINITY
  const beyond = rows.filter((row) => row.context + row.seq > positions)
  if (beyond.length > 0) {
    warnings.push({
      code: 'beyond-positions',
      message: `${beyond.length} of ${rows.length} rows exceed the ${formatCount(positions)} positions of ${model.id}: the counts hold, the model was not made for it`,
    })
  }
  if (work.count > 1) {
    warnings.push({
      code: 'communication-not-counted',
      message: `work is divided over ${work.tp} of ${work.count} devices; their communication is not counted, so times are lower bounds`,
    })
  }
  return [...warnings, ...roof.warnings]
}

/**
 * Analyzes a model over ranges. With one range of more than one value the points where a bound changes are exact: the
 * first whole number with the new bound; with more ranges they lie between two neighbouring rows.
 * @param ranges values of each dimension, ascending (`parseRange`); a missing one takes its value from the options
 * @throws AnalysisError `bad-range` for more than 10,000 rows, and whatever `analyzeModel` throws
 */
export function sweep(
  model: ModelDef,
  machine: Machine,
  options: SweepOptions,
  ranges: Ranges,
  fit: Fit | null = null,
): SweepOutcome {
  const roof = prepareRoof(machine, options.launchOverhead)
  const first = (d: Dimension) => (ranges[d]?.length ? {[d]: ranges[d][0]} : {})
  const base = resolveWorkload(model, {...options, ...first('batch'), ...first('seq'), ...first('context')})
  const full: Required<Ranges> = {
    batch: ranges.batch?.length ? ranges.batch : [base.batch],
    seq: ranges.seq?.length ? ranges.seq : [base.seq],
    context: ranges.context?.length ? ranges.context : [base.context],
  }
  const total = full.batch.length * full.seq.length * full.context.length
  if (total > MOST_ROWS)
    throw new AnalysisError('bad-range', `the ranges make ${total} rows; at most ${MOST_ROWS} are allowed`, [
      'use a larger step or fewer dimensions',
    ])
  const graph = buildGraph(model, base)
  const {unknown = []} = graph
  const passes = base.compression
    ? compressionSummary(model, base, roof, graph, evaluateModel(model, base, roof), roof.levels[0]!.level)
    : []
  const sequence = traitsOf(model).positions !== null
  const made = new Map<string, Point>()
  const at: At = (sizes) => {
    const key = `${sizes.batch},${sizes.seq},${sizes.context}`
    let point = made.get(key)
    if (!point) {
      const work = resolveWorkload(model, {...options, ...sizes})
      const evaluation = evaluateModel(model, work, roof)
      const fits = machine.memory ? evaluation.memory.peak <= machine.memory.capacity : null
      const totals = totalsOf(evaluation, work, machine, roof, sequence, unknown.length === 0)
      point = {row: {...sizes, totals, fits}, bounds: boundsOf(evaluation)}
      made.set(key, point)
    }
    return point
  }
  const rows = full.batch.flatMap((batch) =>
    full.seq.flatMap((seq) => full.context.map((context) => at({batch, seq, context}).row)),
  )
  const varying = dimensions.filter((d) => full[d].length > 1)
  const result: Sweep = {
    model: {id: model.id, name: model.name},
    machine: {id: machine.id, name: machine.name, memory: machine.memory?.capacity ?? null},
    phase: base.phase,
    fusion: base.fusion,
    dtype: base.dtype,
    count: base.count,
    tp: base.tp,
    dimensions: varying.map((name) => ({name, values: [...full[name]]})),
    rows,
    crossings: allCrossings(varying, full, at),
    fit,
  }
  const asked = [...incomplete(unknown), ...misplaced(base, graph), ...idle(model, base, graph, passes)]
  return {result, warnings: [...asked, ...remarks(rows, model, machine, base, roof)]}
}
