/** A small log-log roofline for the terminal. Its frame follows from the machine, never from the data. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {Placement} from '../../src/analysis/document/placement.ts'
import {isRows} from '../../src/analysis/mix.ts'
import {format, formatShare, rateUnit} from '../../src/analysis/units.ts'
import {type Look, styleOf, wrap} from './style.ts'

/** Decades of FLOP/B that the page shows too: elementwise operators in f32 have 0.08, large products thousands. */
const [LEFT, RIGHT] = [-2, 4]
/** Decades of FLOP/s below the peak, at least: bounds lie near the roof, what was measured may lie far below it. */
const DECADES = {bounds: 4, measured: 6}
/** Up to so many decades have three rows each, more have two: about as high a chart. */
const ROOMY = 4

/** operators that are named; the table has the rest */
const named = 9
/** characters of a tick label with its axis: `1.98 PFLOP/s ┤` */
const gutter = 14

type Ceilings = Analysis['machine']['ceilings']

interface Roof {
  peak: number
  bandwidth: number
}

/** The highest compute ceiling and the outermost memory of the machine: the frame. */
function frameOf(ceilings: Ceilings, level: string | undefined, used: ReadonlySet<string | null>): Roof | undefined {
  const peaks = ceilings.filter((c) => c.kind === 'compute' && (!c.sparsity || used.has(c.id)))
  const peak = Math.max(0, ...peaks.map((c) => c.value))
  const memory = ceilings.filter((c) => c.kind === 'bandwidth' && c.level === level && !isRows(c))
  const bandwidth = Math.max(0, ...memory.map((c) => c.value))
  return peak > 0 && bandwidth > 0 ? {peak, bandwidth} : undefined
}

/** A place on the chart and what is put there. */
interface Dot {
  readonly label: string
  readonly intensity: number
  readonly rate: number
}

interface Drawing {
  /** of the axis of rates */
  readonly unit: 'FLOP/s' | 'OP/s'
  /** decades of FLOP/s below the peak that are drawn at least */
  readonly decades: number
  readonly frame: Roof
  /** peaks that are drawn beside the frame's, FLOP/s */
  readonly peaks: readonly number[]
  /** later ones lie on top */
  readonly dots: readonly Dot[]
  readonly caption: string
  readonly legend: readonly string[]
}

/** One axis stands for all: FLOP/s unless everything computes in integers. */
const sharedUnit = (types: readonly string[]) =>
  types.length > 0 && types.every((type) => rateUnit(type) === 'OP/s') ? 'OP/s' : 'FLOP/s'

/** Roofs, dots, axes and legend; an empty string where the terminal is too narrow to read it. */
function draw({unit, decades: least, frame, peaks, dots, caption, legend}: Drawing, look: Look): string {
  const y1 = Math.ceil(Math.log10(frame.peak))
  // down to where the memory's line leaves the chart on its left
  const decades = Math.max(least, y1 - Math.floor(Math.log10(frame.bandwidth) + LEFT))
  const perDecade = decades > ROOMY ? 2 : 3
  const rows = decades * perDecade + 1
  const columns = Math.min(look.width, 100) - gutter
  if (columns < 26) return ''
  const style = styleOf(look.color)
  const ridge = Math.log10(frame.peak / frame.bandwidth)
  // a ridge further right than today's machines have keeps a decade behind it
  const [x0, x1] = [LEFT, Math.max(RIGHT, Math.ceil(ridge) + 1)]
  const y0 = y1 - decades
  const xOf = (intensity: number) => Math.round(((Math.log10(intensity) - x0) / (x1 - x0)) * (columns - 1))
  const yOf = (rate: number) => Math.round(((y1 - Math.log10(rate)) / (y1 - y0)) * (rows - 1))
  const grid: string[][] = Array.from({length: rows}, () => new Array<string>(columns).fill(' '))
  const put = (x: number, y: number, text: string): boolean => {
    if (x < 0 || x >= columns || y < 0 || y >= rows) return false
    grid[y]![x] = text
    return true
  }
  const flat = [...new Set([frame.peak, ...peaks])].sort((a, b) => b - a)
  for (let x = 0; x < columns; x++) {
    const slope = 10 ** (x0 + (x / (columns - 1)) * (x1 - x0)) * frame.bandwidth
    for (const peak of flat) if (slope >= peak) put(x, yOf(peak), style.compute('─'))
    if (slope < frame.peak) put(x, yOf(slope), style.memory('╱'))
  }
  const outside = dots.filter(({label, intensity, rate}) => !put(xOf(intensity), yOf(rate), style.bold(label)))
  const body = grid.map((line, y) => {
    const rate = 10 ** (y1 - (y / (rows - 1)) * (y1 - y0))
    const tick = y % perDecade === 0 ? format(rate, unit, 2).padStart(gutter - 2) : ''.padStart(gutter - 2)
    return `${style.dim(`${tick} ${y % perDecade === 0 ? '┤' : '│'}`)}${line.join('')}`
  })
  const powers = Array.from({length: x1 - x0 + 1}, (_, i) => x0 + i)
  const ticks = powers.reduce((line, power) => {
    const label = power >= 0 && power <= 3 ? String(10 ** power) : `1e${power}`
    const at = Math.min(columns - label.length, Math.max(line.length && line.length + 1, xOf(10 ** power)))
    return at > line.length || !line ? line.padEnd(at) + label : line
  }, '')
  const axis = `${' '.repeat(gutter - 1)}${style.dim(`└${'─'.repeat(columns)}`)}`
  const names = outside.map(({label}) => label).filter((label) => /^\d$/.test(label))
  return [
    ...body,
    axis,
    `${' '.repeat(gutter)}${style.dim(ticks)}`,
    style.dim(wrap(caption, look.width)),
    ...legendLines(legend, look.width),
    ...(names.length > 0 ? [style.dim(`outside the frame: ${names.sort().join(', ')}`)] : []),
  ].join('\n')
}

/**
 * Draws operators under the roof: x is intensity at the outermost level, y the rate that the roof allows them.
 * @returns an empty string where the machine has no complete roof or the terminal is too narrow to read it
 */
export function rooflineChart(analysis: Analysis, look: Look): string {
  const {ceilings} = analysis.machine
  // the peaks that the products of this workload run under
  const used = new Set(analysis.operators.map((op) => op.bound))
  const frame = frameOf(ceilings, Object.keys(analysis.totals.bytes)[0], used)
  if (!frame) return ''
  const shown = analysis.operators
    .filter((op) => op.flops > 0 && op.intensity !== null && op.time.lower > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, named)
  const dots = shown.map((op, i) => ({label: String(i + 1), intensity: op.intensity!, rate: op.flops / op.time.lower}))
  return draw(
    {
      unit: sharedUnit(analysis.operators.map(({computes}) => computes)),
      decades: DECADES.bounds,
      frame,
      peaks: ceilings.filter((c) => c.kind === 'compute' && used.has(c.id)).map((c) => c.value),
      dots: dots.reverse(),
      caption: 'FLOP per byte; ╱ memory bandwidth, ─ peaks; height is the modelled bound',
      legend: shown.map((op, i) => `${i + 1} ${op.id} ${formatShare(op.share)}`),
    },
    look,
  )
}

/**
 * Draws measured points under the roof that they were placed under: a number where each was measured, a ring where its roof is.
 * @returns an empty string where the machine has no complete roof or the terminal is too narrow to read it
 */
export function placementChart({machine, dtype, level, roof, points}: Placement, look: Look): string {
  const bounds = new Set([roof.compute.id, ...points.map((p) => p.bound)])
  const frame = frameOf(machine.ceilings, level, bounds)
  if (!frame) return ''
  const shown = points
    .filter((p) => p.intensity !== null && p.intensity > 0 && p.achieved !== null)
    .sort((a, b) => b.seconds * (b.operator?.repeat ?? 1) - a.seconds * (a.operator?.repeat ?? 1))
    .slice(0, named)
  if (shown.length === 0) return ''
  const numbers = shown.map((p, i) => ({label: String(i + 1), intensity: p.intensity!, rate: p.achieved!}))
  const roofs = shown.flatMap((p) =>
    p.attainable === null ? [] : [{label: '○', intensity: p.intensity!, rate: p.attainable}],
  )
  return draw(
    {
      unit: sharedUnit(points.map((p) => p.dtype ?? dtype)),
      decades: DECADES.measured,
      frame,
      peaks: machine.ceilings.filter((c) => c.kind === 'compute' && bounds.has(c.id)).map((c) => c.value),
      dots: [...roofs, ...numbers.reverse()],
      caption: 'FLOP per byte; ╱ memory bandwidth, ─ peaks; a number is a measurement, ○ what its roof allows',
      legend: shown.map((p, i) => `${i + 1} ${shorten(p.name)} ${formatShare(p.efficiency)}`),
    },
    look,
  )
}

/** Names of kernels can be long: templates with their arguments. */
const shorten = (name: string): string => (name.length > 48 ? `${name.slice(0, 47)}…` : name)

/** An entry that is wider than the terminal loses the middle: its number, its end and its share stay. */
function within(entry: string, width: number): string {
  if (entry.length <= width) return entry
  const tail = Math.ceil((width - 1) / 2)
  return `${entry.slice(0, width - 1 - tail)}…${entry.slice(entry.length - tail)}`
}

/** As many entries to a line as fit. */
function legendLines(entries: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const whole of entries) {
    const entry = within(whole, width)
    const last = lines.at(-1)
    if (last !== undefined && last.length + 3 + entry.length <= width) lines[lines.length - 1] = `${last}   ${entry}`
    else lines.push(entry)
  }
  return lines
}
