/** Curves as bars, one row a point: working set against bandwidth, time against rate. */
import type {Machine} from '../../src/analysis/document/machine.ts'
import {format, formatCapacity} from '../../src/analysis/units.ts'
import {type Look, styleOf} from './style.ts'

interface Point {
  readonly label: string
  readonly value: number
  readonly text: string
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A bar of `share` of `width` columns, to an eighth of a column. */
export function bar(share: number, width: number): string {
  const parts = Math.round(Math.max(0, Math.min(1, share)) * width * 8)
  return '█'.repeat(Math.floor(parts / 8)) + eighths[parts % 8]
}

/** Rows of label, bar relative to the largest value, and text; at least ten columns of bar, at most sixty. */
function rows(points: readonly Point[], look: Look): string[] {
  const style = styleOf(look.color)
  const labels = Math.max(...points.map((p) => p.label.length))
  const texts = Math.max(...points.map((p) => p.text.length))
  const width = Math.max(10, Math.min(60, look.width - labels - texts - 4))
  const largest = Math.max(...points.map((p) => p.value))
  return points.map(
    ({label, value, text}) =>
      `${label.padStart(labels)}  ${style.memory(bar(value / largest, width))}${' '.repeat(width - Math.ceil(bar(value / largest, width).length))}  ${text}`,
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const numbers = (value: unknown, ...fields: string[]): value is Record<string, number> =>
  isRecord(value) && fields.every((field) => typeof value[field] === 'number')

/** Read bandwidth (and latency, where it was chased) by working set, of one thread or a whole GPU; empty where the profile has none. */
export function sweepLines({identity}: Machine, look: Look): string[] {
  const sweep = Array.isArray(identity.sweep) ? identity.sweep : []
  const points = sweep.filter((p) => numbers(p, 'bytes', 'bytesPerSecond'))
  if (points.length === 0) return []
  return [
    `Working set against read bandwidth, ${isRecord(identity.adapter) ? 'the whole GPU' : 'one thread'}`,
    ...rows(
      points.map((p) => ({
        label: formatCapacity(p.bytes!),
        value: p.bytesPerSecond!,
        text: `${format(p.bytesPerSecond!, 'B/s')}${typeof p.latency === 'number' ? `, ${format(p.latency, 's')}` : ''}`,
      })),
      look,
    ),
  ]
}

/** Rate over time of a sustained run; empty where there was none. */
export function sustainLines({identity}: Machine, look: Look): string[] {
  const {sustained} = identity
  if (!isRecord(sustained) || !Array.isArray(sustained.curve)) return []
  const points = sustained.curve.filter((p) => numbers(p, 'seconds', 'flopsPerSecond'))
  if (points.length === 0) return []
  // a row for each point would scroll the table away: at most 24, evenly spread, the last one always
  const step = Math.ceil(points.length / 24)
  const shown = points.filter((_, i) => (points.length - 1 - i) % step === 0)
  return [
    `Sustained load: ${format(Number(sustained.peak), 'FLOP/s')} at best, ${format(Number(sustained.remains), 'FLOP/s')} remain`,
    ...rows(
      shown.map((p) => ({
        label: `${p.seconds!.toFixed(1)} s`,
        value: p.flopsPerSecond!,
        text: `${format(p.flopsPerSecond!, 'FLOP/s')}${typeof p.clockHz === 'number' ? ` at ${format(p.clockHz, 'Hz')}` : ''}`,
      })),
      look,
    ),
  ]
}
