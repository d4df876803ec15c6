/** Operators as points under the roof. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatCount, formatShare, rateUnit} from '../../src/analysis/units.ts'
import {attainableOf, type Operator} from '../document.ts'
import {classLabel, classOf, type OperatorClass, shortId} from './classes.ts'
import type {Frame} from './roofs.ts'

export interface Point {
  readonly id: string
  readonly name: string
  readonly cls: string
  readonly classId: OperatorClass
  readonly share: number
  readonly intensity: number
  /** FLOP/s at the lower bound of time: what the roof allows */
  readonly performance: number
  /** FLOP/s where nothing overlaps: at the upper bound of time */
  readonly worst: number
  /** a search leaves it out */
  readonly faded: boolean
  /** arrow towards the true place of a point outside the frame; empty inside */
  readonly off: string
  readonly summary: string
}

export interface GutterPoint {
  readonly id: string
  readonly name: string
  readonly cls: string
  readonly share: number
  /** position from the bottom */
  readonly row: number
  readonly summary: string
}

const within = (value: number, [low, high]: readonly [number, number]): number => Math.min(high, Math.max(low, value))

const arrows = {'-1,0': '◀', '1,0': '▶', '0,1': '▲', '0,-1': '▼'} as const

function offFrame(intensity: number, performance: number, frame: Frame): string {
  const dx = intensity < frame.x[0] ? -1 : intensity > frame.x[1] ? 1 : 0
  const dy = performance < frame.y[0] ? -1 : performance > frame.y[1] ? 1 : 0
  if (dx === 0 && dy === 0) return ''
  return dx !== 0 ? arrows[`${dx as -1 | 1},0`] : arrows[`0,${dy as -1 | 1}`]
}

const times = (repeat: number): string => (repeat > 1 ? ` (${repeat} times)` : '')

/** What a reader looks for among the points. */
export interface Look {
  /** memory level whose bytes give the intensity; empty: the outermost */
  readonly level?: string
  /** part of a name: points without it fade */
  readonly search?: string
  /** id of the only operator that is shown; empty: all */
  readonly isolated?: string
}

const intensityAt = (op: Operator, level: string | undefined): number | null => {
  const bytes = level ? op.bytes[level] : undefined
  return bytes === undefined ? op.intensity : bytes > 0 ? op.flops / bytes : null
}

/** Points of operators that compute something, largest share first so that small ones stay visible on top. */
export function pointsOf(analysis: Analysis, frame: Frame, hidden: readonly string[], look: Look = {}): Point[] {
  const search = look.search?.trim().toLowerCase() ?? ''
  return analysis.operators
    .filter((op) => op.flops > 0 && intensityAt(op, look.level) !== null && op.time.lower > 0)
    .filter((op) => !look.isolated || op.id === look.isolated)
    .map((op) => {
      const intensity = intensityAt(op, look.level)!
      const performance = attainableOf(op, analysis.machine.ceilings)!
      const classId = classOf(op)
      return {
        id: op.id,
        name: shortId(op.id),
        cls: classLabel(classId),
        classId,
        share: op.share,
        faded: search !== '' && !`${op.id} ${op.kind}`.toLowerCase().includes(search),
        intensity: within(intensity, frame.x),
        performance: within(performance, frame.y),
        worst: within(op.flops / op.time.upper, frame.y),
        off: offFrame(intensity, performance, frame),
        summary: `${op.id}${times(op.repeat)}: ${formatIntensity(intensity)}${look.level ? ` at ${look.level}` : ''}, at most ${format(performance, rateUnit(op.computes))}, ${formatShare(op.share)} of the time, bound by ${op.bound ?? 'nothing'}`,
      }
    })
    .filter((point) => !hidden.includes(point.classId))
    .sort((a, b) => b.share - a.share)
}

/** Operators without FLOPs have no place on a log axis: they stand in the gutter, largest share at the bottom. */
export function gutterOf(analysis: Analysis, hidden: readonly string[], isolated = ''): GutterPoint[] {
  if (hidden.includes('movement')) return []
  return analysis.operators
    .filter((op) => op.flops === 0 && (isolated === '' || op.id === isolated))
    .sort((a, b) => b.share - a.share)
    .map((op, row) => ({
      id: op.id,
      name: shortId(op.id),
      cls: classLabel('movement'),
      share: op.share,
      row,
      summary: `${op.id}${times(op.repeat)}: no FLOPs, ${format(bytesOf(op), 'B')}, ${formatShare(op.share)} of the time`,
    }))
}

export interface LevelPoint {
  readonly id: string
  readonly intensity: number
  readonly performance: number
  /** names of the levels that stand here */
  readonly label: string
}

/** Every operator at the intensity of each memory level; levels that move the same bytes stand together. */
export function levelPointsOf(analysis: Analysis, frame: Frame): LevelPoint[] {
  return analysis.operators
    .filter((op) => op.flops > 0 && op.time.lower > 0)
    .flatMap((op) => {
      const performance = within(attainableOf(op, analysis.machine.ceilings)!, frame.y)
      const at = new Map<number, string[]>()
      for (const [level, bytes] of Object.entries(op.bytes)) {
        if (bytes > 0) at.set(bytes, [...(at.get(bytes) ?? []), level])
      }
      return [...at].map(([bytes, levels]) => ({
        id: op.id,
        intensity: within(op.flops / bytes, frame.x),
        performance,
        label: levels.join(' = '),
      }))
    })
    .sort((a, b) => a.intensity - b.intensity)
}

/** Bytes at the outermost level that the document has. */
export const bytesOf = (op: Pick<Operator, 'bytes'>): number => op.bytes.DRAM ?? Object.values(op.bytes)[0] ?? 0

/** An intensity with its unit: `0.741 FLOP/B`, `1,247 FLOP/B`. */
export function formatIntensity(value: number | null): string {
  if (value === null) return '–'
  return `${value >= 1000 ? formatCount(value) : Number(value.toPrecision(3))} FLOP/B`
}

export interface Move {
  readonly id: string
  readonly intensity: number
  readonly performance: number
  readonly intensity2: number
  readonly performance2: number
}

/** From where a group of operators stands apart to where it stands fused. Groups without FLOPs have no place. */
export function movesOf(analysis: Analysis, frame: Frame): Move[] {
  return analysis.fusion.groups.flatMap((group) => {
    const place = (side: {bytes: number; intensity: number | null; time: number}) =>
      side.intensity && side.time > 0
        ? {
            intensity: within(side.intensity, frame.x),
            performance: within((side.intensity * side.bytes) / side.time, frame.y),
          }
        : undefined
    const from = place(group.unfused)
    const to = place(group.fused)
    if (!from || !to) return []
    return [{id: group.id, ...from, intensity2: to.intensity, performance2: to.performance}]
  })
}
