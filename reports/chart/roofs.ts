/** Ceilings as lines: which are drawn, how they are named, and the frame they span. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {prepareRoof, type Roof, ridgePoint} from '../../src/analysis/roofline.ts'
import {type BaseUnit, format, rateUnit} from '../../src/analysis/units.ts'

/** Log-log frame of a machine: FLOP/B and FLOP/s, whole decades. */
export interface Frame {
  readonly x: readonly [number, number]
  readonly y: readonly [number, number]
}

/** One line of the chart; ceilings of one value share it. */
export interface RoofLine {
  readonly id: string
  readonly kind: 'compute' | 'bandwidth'
  readonly label: string
  /** of a bandwidth */
  readonly level?: string
  readonly value: number
  /** measured, datasheet or derived: they are dashed apart */
  readonly provenance: Ceiling['provenance']['kind']
  /** ids of the ceilings that lie on this line */
  readonly ceilings: readonly string[]
  /** drawn when the page opens: the levels, and the types this workload computes in */
  readonly relevant: boolean
}

const roofs = new WeakMap<object, Roof>()

/** The roof of a document's machine, prepared once. */
export function roofOf(machine: Analysis['machine']): Roof {
  let roof = roofs.get(machine)
  if (!roof) {
    const whole: Machine = {id: machine.id, name: machine.name, identity: {}, ceilings: machine.ceilings}
    roof = prepareRoof(whole)
    roofs.set(machine, roof)
  }
  return roof
}

const isPeak = (c: Ceiling): boolean =>
  c.kind === 'compute' && (c.operation === undefined || c.operation === 'fma' || c.operation === 'dot')

const decade = (value: number): number => Math.log10(value)
const whole = (exponent: number): number => 10 ** Math.round(exponent)

/**
 * The frame is a function of the ceilings alone, so that two reports of one machine lie side by side.
 * Intensity runs from 0.01 FLOP/B (below an f64 addition, 1/24) to 10,000 FLOP/B (above a product of 8,192-wide
 * bf16 matrices) and further where the ridge needs it; FLOP/s from the outermost level at the left edge to the peak.
 */
export function frameOf(machine: Analysis['machine']): Frame {
  const roof = roofOf(machine)
  const peak = Math.max(...machine.ceilings.filter((c) => isPeak(c) && !c.sparsity).map((c) => c.value))
  const outer = roof.levels[0]!.rate
  const x0 = -2
  const x1 = Math.max(4, Math.ceil(decade(ridgePoint(peak, outer))) + 1)
  const y0 = Math.floor(decade(outer * 10 ** x0))
  const y1 = Math.ceil(decade(peak) + 0.15)
  return {x: [whole(x0), whole(x1)], y: [whole(y0), whole(y1)]}
}

const engineWord = {vector: 'vector', matrix: 'matrix'} as const

function computeLabel(group: readonly Ceiling[]): string {
  const engines = [...new Set(group.map((c) => c.engine))]
  const names = engines.map((engine) => {
    const types = [...new Set(group.filter((c) => c.engine === engine).map((c) => c.dtype))].join('/')
    const widened = group.some((c) => c.engine === engine && c.accumulate === 'f16') ? ' (f16 sums)' : ''
    const structure = group[0]!.sparsity ? ` ${group[0]!.sparsity}` : ''
    return `${types}${engine ? ` ${engineWord[engine]}` : ''}${structure}${widened}`
  })
  const [first] = group
  return `${names.join(', ')} ${format(first!.value, first!.unit)}`
}

/** All lines of a machine: each memory level, each peak; equal peaks on one line. */
export function roofLines(analysis: Analysis): RoofLine[] {
  const {machine, operators, workload} = analysis
  const roof = roofOf(machine)
  const relevant = new Set<string>()
  for (const op of operators) {
    if (op.macs > 0) relevant.add(roof.compute('matrix', op.computes as 'f32').ceiling.id)
    if (op.bound) relevant.add(op.bound)
  }
  relevant.add(roof.compute('vector', workload.dtype.activations as 'f32').ceiling.id)
  const levels = roof.levels.map(
    ({level, ceiling, rate}): RoofLine => ({
      id: ceiling.id,
      kind: 'bandwidth',
      level,
      label: `${level} ${format(rate, 'B/s')}`,
      value: rate,
      provenance: ceiling.provenance.kind,
      ceilings: [ceiling.id],
      relevant: true,
    }),
  )
  // operators that write are bound by the bandwidth of their own mix, where it was measured: without its line they would
  // stand above the roof
  const drawn = new Set(levels.map((line) => line.id))
  const mixes = machine.ceilings
    .filter((c) => c.kind === 'bandwidth' && c.level !== undefined && relevant.has(c.id) && !drawn.has(c.id))
    .map(
      (c): RoofLine => ({
        id: c.id,
        kind: 'bandwidth',
        label: `${c.level} ${c.mix} ${format(c.value, 'B/s')}`,
        ...(c.level ? {level: c.level} : {}),
        value: c.value,
        provenance: c.provenance.kind,
        ceilings: [c.id],
        relevant: true,
      }),
    )
  // the best of each engine, type and accumulator: a rate on one thread or on narrower instructions stays in the table
  const best = new Map<string, Ceiling>()
  // a sparse peak is a line only where some product runs under it
  for (const ceiling of machine.ceilings.filter((c) => isPeak(c) && (!c.sparsity || relevant.has(c.id)))) {
    const key = [ceiling.engine, ceiling.dtype, ceiling.accumulate === 'f16', ceiling.sparsity].join()
    const known = best.get(key)
    if (!known || ceiling.value > known.value) best.set(key, ceiling)
  }
  const groups = new Map<string, Ceiling[]>()
  for (const ceiling of best.values()) {
    // peaks of one value are one line, but a line that the workload uses is not named after types it does not
    const key = `${ceiling.value}${ceiling.provenance.kind}${relevant.has(ceiling.id)}${ceiling.sparsity}`
    groups.set(key, [...(groups.get(key) ?? []), ceiling])
  }
  const peaks = [...groups.values()].map(
    (group): RoofLine => ({
      id: group[0]!.id,
      kind: 'compute',
      label: computeLabel(group),
      value: group[0]!.value,
      provenance: group[0]!.provenance.kind,
      ceilings: group.map((c) => c.id),
      relevant: group.some((c) => relevant.has(c.id)),
    }),
  )
  return [...levels, ...mixes, ...peaks.sort((a, b) => b.value - a.value)]
}

/** The peak that carries most of the multiply-accumulates (without operators: the vector peak), and the ridge it makes with a level: the outermost where none is named. */
export function mainRidge(
  analysis: Analysis,
  level = '',
): {peak: number; unit: BaseUnit; bandwidth: number; intensity: number} {
  const roof = roofOf(analysis.machine)
  const main = analysis.operators.reduce<Analysis['operators'][number] | undefined>(
    (a, b) => (a && b.macs * b.repeat <= a.macs * a.repeat ? a : b),
    undefined,
  )
  // without products, or without a workload, the vector peak; kernels that were measured may be of many types
  const [engine, type] =
    main && main.macs > 0
      ? (['matrix', main.computes] as const)
      : (['vector', analysis.workload.dtype.activations] as const)
  const {rate: peak, dtype} = roof.compute(engine, type as 'f32')
  const bandwidth = (roof.levels.find((l) => l.level === level) ?? roof.levels[0]!).rate
  return {peak, unit: rateUnit(dtype), bandwidth, intensity: ridgePoint(peak, bandwidth)}
}
