/** Where names and ceiling labels go, in pixels of the chart as it stands (size and zoom). */
import {type Box, layoutLabels, overlaps, type PlacedLabel, type Spot, textWidth} from './labels.ts'
import type {Point} from './points.ts'
import type {RoofLine} from './roofs.ts'

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
}

/** Area of a dot in px² for a share of the time: the smallest is 9 px across, the whole time 44 px. */
export const dotArea = (share: number): number => 60 + 1450 * share

const LINE = 15

/** Boxes along a slanted text. */
function slantedBoxes(x: number, y: number, width: number, angle: number): Box[] {
  const steps = Math.ceil(width / 10)
  return Array.from({length: steps + 1}, (_, i) => {
    const along = (width * i) / steps
    return {x: x + along * Math.cos(angle) - 5, y: y - along * Math.sin(angle) - 6, width: 10, height: 12}
  })
}

/** @param off px off the line at a right angle to it: above where positive */
function slopedLabel(line: RoofLine, plot: Plot, top: number, taken: readonly Box[], off: number) {
  const {x, y, width, height} = plot
  const angle = Math.atan2(y(1) - y(10), x(10) - x(1))
  const length = textWidth(line.label)
  const end = Math.min(width, x(top / line.value)) - length * Math.cos(angle)
  for (let px = GUTTER + 6; px <= end; px += 6) {
    const startX = px - off * Math.sin(angle)
    const startY = y(line.value * x.invert(px)) - off * Math.cos(angle)
    if (startY > height - 12 || startX < GUTTER + 8) continue
    if (startY - length * Math.sin(angle) < 4) break
    const boxes = slantedBoxes(startX, startY, length, angle)
    if (boxes.some((box) => taken.some((t) => overlaps(box, t)))) continue
    return {label: {x: startX, y: startY, angle: (-angle * 180) / Math.PI}, boxes}
  }
  return undefined
}

/** Where a flat line begins: at the fastest level that is drawn, or at the gutter. */
const kneeX = (line: RoofLine, plot: Plot, fastest: number): number =>
  Math.max(GUTTER, Number.isFinite(fastest) ? plot.x(line.value / fastest) : GUTTER)

function flatLabel(line: RoofLine, plot: Plot, fastest: number, taken: readonly Box[]) {
  const length = textWidth(line.label)
  const at = plot.y(line.value)
  if (at < 0 || at > plot.height) return undefined
  const right = plot.width - 6 - length
  const afterKnee = kneeX(line, plot, fastest) + 10
  // on the line: at its right end, behind its knee, in between; then further from it
  const columns = [right, ...(afterKnee < right ? [afterKnee] : []), right - 48, right - 96]
  for (const rows of [[-10, 10], [0], [-24, 24]]) {
    for (const x of columns) {
      for (const dy of rows) {
        const y = at + dy
        const box = {x, y: y - LINE / 2, width: length, height: LINE}
        if (y < 8 || x < GUTTER || taken.some((t) => overlaps(box, t))) continue
        return {label: {x, y, angle: 0}, boxes: [box]}
      }
    }
  }
  return undefined
}

/** Boxes along the lines themselves: a name that is struck through cannot be read. */
function lineBoxes(lines: readonly RoofLine[], plot: Plot, top: number, fastest: number): Box[] {
  return lines.flatMap((line) => {
    if (line.kind === 'compute') {
      const x = kneeX(line, plot, fastest)
      return [{x, y: plot.y(line.value) - 1, width: Math.max(0, plot.width - x), height: 2}]
    }
    const boxes: Box[] = []
    const end = Math.min(plot.width, Number.isFinite(top) ? plot.x(top / line.value) : plot.width)
    for (let x = GUTTER; x < end; x += 6) {
      boxes.push({x, y: plot.y(line.value * plot.x.invert(x + 6)), width: 6, height: 4})
    }
    return boxes
  })
}

/**
 * Labels of ceilings on their lines, then names of operators in the room that is left.
 * A label without a free place is left out; the legend and the table still have it.
 */
export function layoutRoofline(
  plot: Plot,
  lines: readonly RoofLine[],
  points: readonly Point[],
  ridge: number,
): {roofLabels: RoofLabel[]; names: PlacedLabel[]} {
  const {width, height} = plot
  const spots: Spot[] = points.map((point) => ({
    id: point.id,
    name: point.name,
    x: plot.x(point.intensity),
    y: plot.y(point.performance),
    radius: Math.sqrt(dotArea(point.share) / Math.PI),
    priority: point.share,
  }))
  const dots = spots.map((s) => ({x: s.x - s.radius, y: s.y - s.radius, width: 2 * s.radius, height: 2 * s.radius}))
  const top = Math.max(...lines.filter((l) => l.kind === 'compute').map((l) => l.value))
  const fastest = Math.max(...lines.filter((l) => l.kind === 'bandwidth').map((l) => l.value))
  // the words beside the ridge, at the bottom
  const ridgeX = plot.x(ridge)
  const tall = width - ridgeX > 112 ? 36 : 68
  const taken: Box[] = [{x: ridgeX - 130, y: height - tall, width: 240, height: tall}]
  const roofLabels: RoofLabel[] = []
  const onFlat = (line: RoofLine) => {
    const others = lineBoxes(
      lines.filter((other) => other.value !== line.value),
      plot,
      top,
      fastest,
    )
    return (
      flatLabel(line, plot, fastest, [...taken, ...others, ...dots]) ??
      flatLabel(line, plot, fastest, [...taken, ...others]) ??
      flatLabel(line, plot, fastest, taken)
    )
  }
  // beside its line where no other line is near; else on the line itself, so that nobody takes it for the neighbour's
  const onSlope = (line: RoofLine) => {
    const others = lineBoxes(
      lines.filter((other) => other.id !== line.id),
      plot,
      top,
      fastest,
    )
    const free = [...taken, ...others, ...dots]
    return (
      slopedLabel(line, plot, top, free, 12) ??
      slopedLabel(line, plot, top, free, -12) ??
      slopedLabel(line, plot, top, [...taken, ...dots], 0) ??
      slopedLabel(line, plot, top, [...taken, ...dots], -12) ??
      slopedLabel(line, plot, top, taken, 0)
    )
  }
  const flat = lines.filter((l) => l.kind === 'compute').sort((a, b) => Number(b.relevant) - Number(a.relevant))
  for (const line of [...flat, ...lines.filter((l) => l.kind === 'bandwidth')]) {
    const found = line.kind === 'compute' ? onFlat(line) : onSlope(line)
    if (!found) continue
    taken.push(...found.boxes)
    roofLabels.push({id: line.id, text: line.label, relevant: line.relevant, ...found.label})
  }
  const bounds = {x: GUTTER + 4, y: 4, width: width - GUTTER - 8, height: height - 8}
  const narrow = width < 480
  const names = layoutLabels(
    spots,
    bounds,
    taken,
    lineBoxes(lines, plot, top, fastest),
    narrow ? 4 : 9,
    narrow ? 20 : 34,
  )
  return {roofLabels, names}
}
