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
    return {x: x + along * Math.cos(angle) - 6, y: y - along * Math.sin(angle) - 7, width: 12, height: 14}
  })
}

function slopedLabel(line: RoofLine, plot: Plot, top: number, taken: readonly Box[], dots: readonly Box[]) {
  const {x, y, width, height} = plot
  const intensityAt = (px: number) => x.invert(px)
  const angle = Math.atan2(y(1) - y(10), x(10) - x(1))
  const length = textWidth(line.label)
  // 11 px off the line, at a right angle to it
  const offX = -11 * Math.sin(angle)
  const offY = -11 * Math.cos(angle)
  const end = Math.min(width, x(top / line.value)) - length * Math.cos(angle)
  for (let px = GUTTER + 16; px <= end; px += 12) {
    const startX = px + offX
    const startY = y(line.value * intensityAt(px)) + offY
    if (startY > height - 12) continue
    if (startY - length * Math.sin(angle) < 4) break
    const boxes = slantedBoxes(startX, startY, length, angle)
    if (boxes.some((box) => taken.some((t) => overlaps(box, t)) || dots.some((d) => overlaps(box, d)))) continue
    return {label: {x: startX, y: startY, angle: (-angle * 180) / Math.PI}, boxes}
  }
  return undefined
}

function flatLabel(line: RoofLine, plot: Plot, taken: readonly Box[]) {
  const length = textWidth(line.label)
  const at = plot.y(line.value)
  if (at < 0 || at > plot.height) return undefined
  // on the line at its right end; further from the line where dots sit there; then further left
  for (let column = 0; column < 4; column++) {
    for (const dy of [-10, 10, -22, 22]) {
      const x = plot.width - 6 - length - column * 48
      const y = at + dy
      if (y < 8) continue
      const box = {x, y: y - LINE / 2, width: length, height: LINE}
      if (x < GUTTER || taken.some((t) => overlaps(box, t))) continue
      return {label: {x, y, angle: 0}, boxes: [box]}
    }
  }
  return undefined
}

/** Boxes along the lines themselves: a name that is struck through cannot be read. */
function lineBoxes(lines: readonly RoofLine[], plot: Plot): Box[] {
  const top = Math.max(...lines.filter((l) => l.kind === 'compute').map((l) => l.value))
  const fastest = Math.max(...lines.filter((l) => l.kind === 'bandwidth').map((l) => l.value))
  return lines.flatMap((line) => {
    if (line.kind === 'compute') {
      const x = Math.max(GUTTER, Number.isFinite(fastest) ? plot.x(line.value / fastest) : GUTTER)
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
  // the words beside the ridge, at the bottom
  const ridgeX = plot.x(ridge)
  const taken: Box[] = [{x: ridgeX - 130, y: height - 36, width: 220, height: 36}]
  const roofLabels: RoofLabel[] = []
  const flat = lines.filter((l) => l.kind === 'compute').sort((a, b) => Number(b.relevant) - Number(a.relevant))
  for (const line of [...flat, ...lines.filter((l) => l.kind === 'bandwidth')]) {
    const found =
      line.kind === 'compute'
        ? (flatLabel(line, plot, [...taken, ...dots]) ?? flatLabel(line, plot, taken))
        : (slopedLabel(line, plot, top, taken, dots) ?? slopedLabel(line, plot, top, taken, []))
    if (!found) continue
    taken.push(...found.boxes)
    roofLabels.push({id: line.id, text: line.label, relevant: line.relevant, ...found.label})
  }
  const bounds = {x: GUTTER + 4, y: 4, width: width - GUTTER - 8, height: height - 8}
  const narrow = width < 480
  const names = layoutLabels(spots, bounds, [...taken, ...lineBoxes(lines, plot)], narrow ? 4 : 9, narrow ? 20 : 34)
  return {roofLabels, names}
}
