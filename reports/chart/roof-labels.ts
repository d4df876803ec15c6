/** Where the names of ceilings stand: on their lines, crossed by none. */
import {isInside, textWidth} from './labels.ts'
import type {RoofLine} from './roofs.ts'
import {type Box, overlaps, type Room, type Segment, strikes} from './room.ts'

/** Pixels left of the scale's range, for operators without FLOPs. */
export const GUTTER = 34

export interface Scale {
  (value: number): number
  invert(pixel: number): number
}

export interface Plot {
  readonly width: number
  readonly height: number
  readonly x: Scale
  readonly y: Scale
}

export interface RoofLabel {
  readonly id: string
  readonly text: string
  readonly x: number
  readonly y: number
  readonly angle: number
  readonly relevant: boolean
  /** a line from the text to its ceiling, where it stands away from it */
  readonly leader: boolean
  /** the point of the ceiling */
  readonly fromX: number
  readonly fromY: number
  /** where the leader meets the text */
  readonly toX: number
  readonly toY: number
}

/** Where a text is, before it carries one. */
type Place = Pick<RoofLabel, 'x' | 'y' | 'angle'> & Partial<Pick<RoofLabel, 'fromX' | 'fromY' | 'toX' | 'toY'>>

interface Found {
  readonly label: Place
  readonly boxes: readonly Box[]
}

/** What a label has to keep off. */
export interface Around {
  /** texts, and the leaders to them */
  readonly texts: readonly Box[]
  readonly leaders: readonly Segment[]
  /** from what labels should keep off down to what they must not touch: marks and lines, then lines alone */
  readonly rooms: readonly Room[]
}

const LINE = 15

/** Pixels between a slanted text's middle and its line. */
const OFF = 12

/** Boxes along a slanted text, from its start. */
export function slantedBoxes(x: number, y: number, width: number, angle: number): Box[] {
  const steps = Math.ceil(width / 10)
  return Array.from({length: steps + 1}, (_, i) => {
    const along = (width * i) / steps
    return {x: x + along * Math.cos(angle) - 5, y: y - along * Math.sin(angle) - 6, width: 10, height: 12}
  })
}

const isFree = (boxes: readonly Box[], room: Room, {texts, leaders}: Around): boolean =>
  boxes.every(
    (box) =>
      room.isFree(box) &&
      !texts.some((other) => overlaps(box, other)) &&
      !leaders.some((leader) => strikes(leader, box)),
  )

/** Last pixel of a slanted line: the edge of the plot, or its knee. */
const endX = (line: RoofLine, plot: Plot, top: number): number =>
  Math.min(plot.width, Number.isFinite(top) ? plot.x(top / line.value) : plot.width)

/**
 * Along a slanted line.
 * @param off px off the line at a right angle to it: above where positive. Below, the next line must be far enough that nobody takes the
 * text for one that stands above that line.
 */
function alongSlope(
  line: RoofLine,
  plot: Plot,
  top: number,
  off: number,
  room: Room,
  around: Around,
): Found | undefined {
  const {x, y, height} = plot
  const angle = Math.atan2(y(1) - y(10), x(10) - x(1))
  const length = textWidth(line.label)
  const end = endX(line, plot, top) - length * Math.cos(angle)
  for (let px = GUTTER + 6; px <= end; px += 6) {
    const startX = px - off * Math.sin(angle)
    const startY = y(line.value * x.invert(px)) - off * Math.cos(angle)
    if (startY > height - 12 || startX < GUTTER + 8) continue
    if (startY - length * Math.sin(angle) < 4) break
    const boxes = slantedBoxes(startX, startY, length, angle)
    if (!isFree(boxes, room, around)) continue
    const beyond = 2 * OFF
    if (
      off < 0 &&
      !isFree(
        slantedBoxes(startX + beyond * Math.sin(angle), startY + beyond * Math.cos(angle), length, angle),
        room,
        around,
      )
    )
      continue
    return {label: {x: startX, y: startY, angle: (-angle * 180) / Math.PI}, boxes}
  }
  return undefined
}

/** Steps of a leader, px. */
const STEP = 14

/** Away from a line, with a leader to it: where lines lie too close for a text between them. */
function apart(
  line: RoofLine,
  plot: Plot,
  top: number,
  fastest: number,
  room: Room,
  around: Around,
): Found | undefined {
  const {width, height} = plot
  const length = textWidth(line.label)
  const bounds = {x: GUTTER + 4, y: 4, width: width - GUTTER - 8, height: height - 8}
  const [startX, startY, endX, endY] = segmentOf(line, plot, top, fastest)
  const slope = endX > startX ? (endY - startY) / (endX - startX) : 0
  let best: {cost: number; found: Found} | undefined
  for (let fromX = Math.max(startX, GUTTER) + 12; fromX < Math.min(endX, width) - 4; fromX += 12) {
    const fromY = startY + slope * (fromX - startX)
    if (fromY < 4 || fromY > height - 4) continue
    // away from the line to its right and to its left, down and up; the text on either side of the leader's end
    for (const way of [1, -1]) {
      for (let reach = STEP; reach <= 12 * STEP; reach += STEP) {
        if (best && reach >= best.cost) break
        const [toX, toY] = [fromX + (way * reach) / 2, fromY + way * reach]
        for (const textX of way > 0 ? [toX - 6, toX + 6 - length] : [toX + 6 - length, toX - 6]) {
          const middle = toY + (way * LINE) / 2
          const box = {x: textX - 2, y: middle - LINE / 2, width: length + 4, height: LINE}
          if (!isInside(box, bounds) || !isFree([box], room, around)) continue
          const leader: Segment = [fromX, fromY, toX, toY]
          if (around.texts.some((text) => strikes(leader, text))) continue
          best = {cost: reach, found: {label: {x: textX, y: middle, angle: 0, fromX, fromY, toX, toY}, boxes: [box]}}
          break
        }
      }
    }
  }
  return best?.found
}

/** Where a flat line begins: at the fastest level that is drawn, or at the gutter. */
const kneeX = (line: RoofLine, plot: Plot, fastest: number): number =>
  Math.max(GUTTER, Number.isFinite(fastest) ? plot.x(line.value / fastest) : GUTTER)

function besideFlat(line: RoofLine, plot: Plot, fastest: number, room: Room, around: Around): Found | undefined {
  const length = textWidth(line.label)
  const at = plot.y(line.value)
  if (at < 0 || at > plot.height) return undefined
  const right = plot.width - 6 - length
  const afterKnee = kneeX(line, plot, fastest) + 10
  // beside the line: at its right end, behind its knee, in between
  const columns = [right, ...(afterKnee < right ? [afterKnee] : [])]
  for (let x = right - 24; x > afterKnee; x -= 24) columns.push(x)
  for (const x of columns) {
    for (const y of [at - 10, at + 10]) {
      const box = {x, y: y - LINE / 2, width: length, height: LINE}
      if (y < 8 || y > plot.height - 8 || x < GUTTER || !isFree([box], room, around)) continue
      return {label: {x, y, angle: 0}, boxes: [box]}
    }
  }
  return undefined
}

/** Everything of a line that is drawn in the plot, px. */
export function segmentOf(line: RoofLine, plot: Plot, top: number, fastest: number): Segment {
  if (line.kind === 'compute') {
    const y = plot.y(line.value)
    return [kneeX(line, plot, fastest), y, plot.width, y]
  }
  const end = endX(line, plot, top)
  return [GUTTER, plot.y(line.value * plot.x.invert(GUTTER)), end, plot.y(line.value * plot.x.invert(end))]
}

/** The first place that is free of everything, else of lines; a label without one is left out, the legend still has it. */
export function placeRoofLabel(
  line: RoofLine,
  plot: Plot,
  top: number,
  fastest: number,
  around: Around,
): {label: RoofLabel; boxes: readonly Box[]} | undefined {
  for (const room of around.rooms) {
    const found =
      (line.kind === 'compute'
        ? besideFlat(line, plot, fastest, room, around)
        : (alongSlope(line, plot, top, OFF, room, around) ?? alongSlope(line, plot, top, -OFF, room, around))) ??
      apart(line, plot, top, fastest, room, around)
    if (!found) continue
    const {fromX, fromY = 0, toX = 0, toY = 0} = found.label
    const text = {id: line.id, text: line.label, relevant: line.relevant}
    return {
      label: {...found.label, ...text, leader: fromX !== undefined, fromX: fromX ?? 0, fromY, toX, toY},
      boxes: found.boxes,
    }
  }
  return undefined
}
