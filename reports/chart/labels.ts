/** Places names beside dots so that no name lies on another, on a dot, or on the label of a ceiling. */

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A dot in pixels with the name it would like to carry. */
export interface Spot {
  readonly id: string
  readonly name: string
  readonly x: number
  readonly y: number
  readonly radius: number
  /** higher goes first */
  readonly priority: number
}

export interface PlacedLabel {
  readonly id: string
  readonly text: string
  /** start of the text's middle line, pixels */
  readonly x: number
  readonly y: number
  /** the dot it belongs to */
  readonly fromX: number
  readonly fromY: number
  /** where the leader meets the text */
  readonly toX: number
  readonly toY: number
  /** a leader is drawn where the name stands away from its dot */
  readonly leader: boolean
}

const FONT = 12
const LINE = 16

/** Width of a text at 12 px: 0.56 em on average in common sans-serif faces, a little more to be safe. */
export const textWidth = (text: string, size = FONT): number => text.length * size * 0.58

export const overlaps = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/** Dots closer than this carry one name together. */
const SAME = 5

/** Joins spots that lie on one another: `mlp.up, mlp.gate, mlp.down` is one label. */
export function clusters(spots: readonly Spot[], maxChars: number): Spot[] {
  const groups: Spot[][] = []
  for (const spot of [...spots].sort((a, b) => b.priority - a.priority)) {
    const group = groups.find(([head]) => Math.hypot(head!.x - spot.x, head!.y - spot.y) < SAME)
    if (group) group.push(spot)
    else groups.push([spot])
  }
  return groups.map((group) => {
    const [head] = group
    let text = head!.name.length > maxChars ? `${head!.name.slice(0, maxChars - 1)}…` : head!.name
    let taken = 1
    for (const spot of group.slice(1)) {
      if (text.length + spot.name.length + 2 > maxChars) break
      text += `, ${spot.name}`
      taken++
    }
    if (taken < group.length) text += ` +${group.length - taken}`
    return {...head!, name: text, priority: group.reduce((sum, spot) => sum + spot.priority, 0)}
  })
}

/** Offsets tried for one name, nearest first; below the roof before above it. */
function* places(spot: Spot, width: number): Generator<{x: number; y: number}> {
  const gap = spot.radius + 5
  yield {x: spot.x + gap, y: spot.y}
  for (let line = 1; line <= 9; line++) {
    for (const side of line <= 2 ? ([1, -1] as const) : ([1] as const)) {
      const y = spot.y + side * (spot.radius * 0.6 + line * LINE)
      yield {x: spot.x + 8, y}
      yield {x: spot.x - width / 2, y}
      yield {x: spot.x - width - 8, y}
    }
    if (line === 1) yield {x: spot.x - gap - width, y: spot.y}
  }
}

/**
 * Greedy placement, most important first; a name without a free place is left out.
 * @param bounds the plotting area, pixels
 * @param blocked boxes that names must leave free
 * @param limit most labels
 */
export function layoutLabels(
  spots: readonly Spot[],
  bounds: Box,
  blocked: readonly Box[],
  limit: number,
  maxChars: number,
): PlacedLabel[] {
  const taken: Box[] = [...blocked]
  const dots = spots.map((s) => ({x: s.x - s.radius, y: s.y - s.radius, width: 2 * s.radius, height: 2 * s.radius}))
  const inside = spots.filter(
    (s) => s.x >= bounds.x && s.x <= bounds.x + bounds.width && s.y >= bounds.y && s.y <= bounds.y + bounds.height,
  )
  const placed: PlacedLabel[] = []
  for (const spot of clusters(inside, maxChars)
    .sort((a, b) => b.priority - a.priority)
    .slice(0, limit)) {
    const width = textWidth(spot.name)
    for (const {x, y} of places(spot, width)) {
      const box = {x: x - 2, y: y - LINE / 2, width: width + 4, height: LINE}
      const fits =
        box.x >= bounds.x &&
        box.y >= bounds.y &&
        box.x + box.width <= bounds.x + bounds.width &&
        box.y + box.height <= bounds.y + bounds.height
      if (!fits || taken.some((other) => overlaps(box, other)) || dots.some((dot) => overlaps(box, dot))) continue
      taken.push(box)
      const toX = Math.min(Math.max(spot.x, x + 3), x + width - 3)
      placed.push({
        id: spot.id,
        text: spot.name,
        x,
        y,
        fromX: spot.x,
        fromY: spot.y,
        toX,
        toY: y + (y > spot.y ? -LINE / 2 : LINE / 2),
        leader: Math.abs(y - spot.y) > spot.radius + LINE,
      })
      break
    }
  }
  return placed
}
