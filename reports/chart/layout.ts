/** Where names and ceiling labels go, in pixels of the chart as it stands (size and zoom). */
import {layoutLabels, type PlacedLabel, type Spot} from './labels.ts'
import type {Move, Point} from './points.ts'
import {GUTTER, type Plot, placeRoofLabel, type RoofLabel, segmentOf} from './roof-labels.ts'
import type {RoofLine} from './roofs.ts'
import {type Box, Room, type Segment} from './room.ts'
import type {Run} from './runs.ts'
import {extremes, type Stretch} from './stretches.ts'

/** Area of a dot in px² for a share of the time: the smallest is 9 px across, the whole time 44 px. */
export const dotArea = (share: number): number => 60 + 1450 * share

/** Plots below this width, px, name fewer dots and draw the ridge at the bottom alone. */
export const NARROW_PLOT = 480
/** px of the ridge that such a plot draws: beside its words */
export const RIDGE_FOOT = 68
/** px that the longest words on either side of the ridge take; where there is less they stand on its other side, higher */
export const RIDGE_ROOM = 112

const radiusOf = (share: number): number => Math.sqrt(dotArea(share) / Math.PI)

const square = (x: number, y: number, radius: number): Box => ({
  x: x - radius,
  y: y - radius,
  width: 2 * radius,
  height: 2 * radius,
})

/** What is drawn besides the ceilings. */
export interface Drawn {
  readonly points: readonly Point[]
  readonly runs: readonly Run[]
  /** runs that are joined to what their roof allows */
  readonly joints: readonly Run[]
  /** arrows of what fusing moves */
  readonly moves: readonly Move[]
  readonly ridge: {readonly intensity: number; readonly performance: number}
}

/** Pixels that the words beside the ridge take, at the bottom. */
const ridgeWords = (x: number, {width, height}: Plot): Box => {
  const tall = width >= NARROW_PLOT && Math.min(x, width - x) > RIDGE_ROOM ? 36 : RIDGE_FOOT
  return {x: x - 130, y: height - tall, width: 240, height: tall}
}

/** The thin lines of a roofline: the ridge, tails of dots, joints of runs, arrows. */
export function thinLines({points, joints, moves, ridge}: Drawn, {x, y, width, height}: Plot): Segment[] {
  const at = x(ridge.intensity)
  return [
    [at, width < NARROW_PLOT ? height - RIDGE_FOOT : y(ridge.performance), at, height],
    ...points.map((p): Segment => [x(p.intensity), y(p.performance), x(p.intensity), y(p.worst)]),
    ...joints.map((r): Segment => [x(r.intensity), y(r.performance), x(r.intensity), y(r.attainable)]),
    ...moves.map((m): Segment => [x(m.intensity), y(m.performance), x(m.intensity2), y(m.performance2)]),
  ]
}

/** Labels of ceilings on their lines: what matters first, flat ones before slanted ones. */
function placeRoofLabels(
  lines: readonly (RoofLine & {readonly which?: string})[],
  plot: Plot,
  rooms: readonly Room[],
  around: readonly Box[] = [],
): {texts: Box[]; leaders: Segment[]; roofLabels: RoofLabel[]} {
  const texts = [...around]
  const leaders: Segment[] = []
  const roofLabels: RoofLabel[] = []
  const of = (kind: RoofLine['kind'], relevant: boolean) =>
    lines.filter((line) => line.kind === kind && line.relevant === relevant)
  const ordered = [true, false].flatMap((relevant) => [...of('compute', relevant), ...of('bandwidth', relevant)])
  for (const line of ordered) {
    // lines end where those of their own side do
    const {top, fastest} = extremes(lines.filter(({which}) => which === line.which))
    const found = line.label === '' ? undefined : placeRoofLabel(line, plot, top, fastest, {texts, leaders, rooms})
    if (!found) continue
    texts.push(...found.boxes)
    roofLabels.push(found.label)
    const {leader, fromX, fromY, toX, toY} = found.label
    if (leader) leaders.push([fromX, fromY, toX, toY])
  }
  return {texts, leaders, roofLabels}
}

/** Labels of ceilings on their lines, then names of operators in the room that is left: no text on a text, none under a line. */
export function layoutRoofline(
  plot: Plot,
  lines: readonly RoofLine[],
  drawn: Drawn,
): {roofLabels: RoofLabel[]; names: PlacedLabel[]} {
  const {width, height, x, y} = plot
  const spots: Spot[] = drawn.points.map((point) => ({
    id: point.id,
    name: point.name,
    x: x(point.intensity),
    y: y(point.performance),
    radius: radiusOf(point.share),
    priority: point.share,
  }))
  const {top, fastest} = extremes(lines)
  // all marks and lines; all lines; the ceilings alone
  const rooms = [new Room(width, height), new Room(width, height), new Room(width, height)] as const
  const [everything, allLines] = rooms
  for (const line of lines) for (const room of rooms) room.takeLine(segmentOf(line, plot, top, fastest))
  for (const line of thinLines(drawn, plot)) for (const room of [everything, allLines]) room.takeLine(line)
  for (const spot of spots) everything.takeBox(square(spot.x, spot.y, spot.radius))
  for (const run of drawn.runs) everything.takeBox(square(x(run.intensity), y(run.performance), radiusOf(run.share)))

  const {texts, leaders, roofLabels} = placeRoofLabels(lines, plot, rooms, [ridgeWords(x(drawn.ridge.intensity), plot)])
  for (const leader of leaders) everything.takeLine(leader)
  const narrow = width < NARROW_PLOT
  const names = layoutLabels(spots, {
    bounds: {x: GUTTER + 4, y: 4, width: width - GUTTER - 8, height: height - 8},
    texts,
    room: everything,
    limit: narrow ? 4 : 9,
    maxChars: narrow ? 20 : 34,
  })
  return {roofLabels, names}
}

/** An arrow of a comparison: from where an operator stood to where it stands. */
export interface Arrow {
  readonly id: string
  readonly name: string
  readonly share: number
  readonly fromShare: number
  readonly intensity: number
  readonly performance: number
  readonly fromIntensity: number
  readonly fromPerformance: number
  readonly moved: boolean
}

/** A line of one side of a comparison. */
export interface SideLine extends RoofLine, Stretch {
  readonly which: 'before' | 'after'
  /** what it is, for who cannot see it; a label may be left out */
  readonly summary: string
}

/** Labels of both sides' ceilings on their lines, then names at the arrows of a comparison, the largest first. */
export function layoutArrows(
  plot: Plot,
  roofs: readonly SideLine[],
  shifts: readonly Stretch[],
  arrows: readonly Arrow[],
): {roofLabels: RoofLabel[]; names: PlacedLabel[]} {
  const {width, height, x, y} = plot
  const [room, lines] = [new Room(width, height), new Room(width, height)]
  for (const s of [...roofs, ...shifts]) {
    const line: Segment = [x(s.intensity), y(s.performance), x(s.intensity2), y(s.performance2)]
    for (const each of [room, lines]) each.takeLine(line)
  }
  for (const a of arrows) {
    const [from, to] = [
      [x(a.fromIntensity), y(a.fromPerformance)] as const,
      [x(a.intensity), y(a.performance)] as const,
    ]
    room.takeBox(square(...to, radiusOf(a.share)))
    if (a.moved) room.takeBox(square(...from, radiusOf(a.fromShare)))
  }
  const {texts, leaders, roofLabels} = placeRoofLabels(roofs, plot, [room, lines])
  for (const leader of leaders) room.takeLine(leader)
  const narrow = width < NARROW_PLOT
  const spots = arrows
    .filter((a) => a.moved)
    .map((a) => ({
      ...{id: a.id, name: a.name, priority: Math.max(a.share, a.fromShare), radius: 6},
      // in the middle of the way, where the head is
      x: (x(a.fromIntensity) + x(a.intensity)) / 2,
      y: (y(a.fromPerformance) + y(a.performance)) / 2,
    }))
  const names = layoutLabels(spots, {
    bounds: {x: 4, y: 4, width: width - 8, height: height - 8},
    texts,
    room,
    limit: narrow ? 4 : 12,
    maxChars: narrow ? 20 : 34,
  })
  return {roofLabels, names}
}
