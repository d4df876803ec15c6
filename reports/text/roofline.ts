/** A small log-log roofline for the terminal. Its frame follows from the machine, never from the data. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {type Look, styleOf, wrap} from './style.ts'

/** four decades, three rows each, and the last tick */
const rows = 13
/** operators that are named; the table has the rest */
const named = 9
/** characters of a tick label with its axis: `1.98 PFLOP/s ┤` */
const gutter = 14

interface Roof {
  peak: number
  bandwidth: number
}

/** The highest compute ceiling and the outermost memory of the machine: the frame. */
function frameOf(analysis: Analysis): Roof | undefined {
  const outer = Object.keys(analysis.totals.bytes)[0]
  const {ceilings} = analysis.machine
  const used = new Set(analysis.operators.map((op) => op.bound))
  const peaks = ceilings.filter((c) => c.kind === 'compute' && (!c.sparsity || used.has(c.id)))
  const peak = Math.max(0, ...peaks.map((c) => c.value))
  const memory = ceilings.filter((c) => c.kind === 'bandwidth' && c.level === outer)
  const bandwidth = Math.max(0, ...memory.map((c) => c.value))
  return peak > 0 && bandwidth > 0 ? {peak, bandwidth} : undefined
}

/** The peak that the products of this workload run under: drawn beside the frame's. */
function peaksOf(analysis: Analysis): number[] {
  const used = new Set(analysis.operators.map((op) => op.bound))
  const peaks = analysis.machine.ceilings.filter((c) => c.kind === 'compute' && used.has(c.id)).map((c) => c.value)
  return peaks
}

/**
 * Draws operators under the roof: x is intensity at the outermost level, y the rate that the roof allows them.
 * @returns an empty string where the machine has no complete roof or the terminal is too narrow to read it
 */
export function rooflineChart(analysis: Analysis, look: Look): string {
  const frame = frameOf(analysis)
  const columns = Math.min(look.width, 100) - gutter
  if (!frame || columns < 30) return ''
  const style = styleOf(look.color)
  const ridge = Math.log10(frame.peak / frame.bandwidth)
  const [x0, x1] = [Math.floor(ridge) - 3, Math.floor(ridge) + 2]
  const y1 = Math.ceil(Math.log10(frame.peak))
  const y0 = y1 - 4
  const xOf = (intensity: number) => Math.round(((Math.log10(intensity) - x0) / (x1 - x0)) * (columns - 1))
  const yOf = (rate: number) => Math.round(((y1 - Math.log10(rate)) / (y1 - y0)) * (rows - 1))
  const grid: string[][] = Array.from({length: rows}, () => new Array<string>(columns).fill(' '))
  const put = (x: number, y: number, text: string): boolean => {
    if (x < 0 || x >= columns || y < 0 || y >= rows) return false
    grid[y]![x] = text
    return true
  }
  const peaks = [...new Set([frame.peak, ...peaksOf(analysis)])].sort((a, b) => b - a)
  for (let x = 0; x < columns; x++) {
    const slope = 10 ** (x0 + (x / (columns - 1)) * (x1 - x0)) * frame.bandwidth
    for (const peak of peaks) if (slope >= peak) put(x, yOf(peak), style.compute('─'))
    if (slope < frame.peak) put(x, yOf(slope), style.memory('╱'))
  }
  const shown = analysis.operators
    .filter((op) => op.flops > 0 && op.intensity !== null && op.time.lower > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, named)
  const outside: string[] = []
  for (const [index, op] of [...shown.entries()].reverse()) {
    const label = String(index + 1)
    if (!put(xOf(op.intensity!), yOf(op.flops / op.time.lower), style.bold(label))) outside.push(label)
  }
  const body = grid.map((line, y) => {
    const rate = 10 ** (y1 - (y / (rows - 1)) * (y1 - y0))
    const tick = y % 3 === 0 ? format(rate, 'FLOP/s', 2).padStart(gutter - 2) : ''.padStart(gutter - 2)
    return `${style.dim(`${tick} ${y % 3 === 0 ? '┤' : '│'}`)}${line.join('')}`
  })
  const decades = Array.from({length: x1 - x0 + 1}, (_, i) => x0 + i)
  const ticks = decades.reduce((line, power) => {
    const label = power >= 0 && power <= 3 ? String(10 ** power) : `1e${power}`
    const at = Math.min(columns - label.length, Math.max(line.length && line.length + 1, xOf(10 ** power)))
    return line.padEnd(at) + label
  }, '')
  const axis = `${' '.repeat(gutter - 1)}${style.dim(`└${'─'.repeat(columns)}`)}`
  const legend = shown.map((op, i) => `${i + 1} ${op.id} ${formatShare(op.share)}`)
  return [
    ...body,
    axis,
    `${' '.repeat(gutter)}${style.dim(ticks)}`,
    style.dim(wrap('FLOP per byte; ╱ memory bandwidth, ─ peaks; height is the modelled bound', look.width)),
    ...legendLines(legend, look.width),
    ...(outside.length > 0 ? [style.dim(`outside the frame: ${outside.join(', ')}`)] : []),
  ].join('\n')
}

/** As many entries to a line as fit. */
function legendLines(entries: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const entry of entries) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 3 + entry.length <= width) lines[lines.length - 1] = `${last}   ${entry}`
    else lines.push(entry)
  }
  return lines
}
