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

/** Places tried for a name: on all sides, near and far. `x` is the start of the text, `y` its middle. */
function places(spot: Spot, width: number): {x: number; y: number}[] {
  const gap = spot.radius + 5
  const found = [
    {x: spot.x + gap, y: spot.y},
    {x: spot.x - gap - width, y: spot.y},
  ]
  for (let line = 1; line <= 8; line++) {
    for (const side of [1, -1]) {
      const y = spot.y + side * (spot.radius * 0.6 + line * LINE)
      for (const x of [8, -width / 4, -width / 2, (-3 * width) / 4, -width - 8]) found.push({x: spot.x + x, y})
    }
  }
  return found
}

type Segment = readonly [x1: number, y1: number, x2: number, y2: number]

const side = (ax: number, ay: number, bx: number, by: number, px: number, py: number) =>
  Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax))

const crosses = ([ax, ay, bx, by]: Segment, [cx, cy, dx, dy]: Segment): boolean =>
  side(ax, ay, bx, by, cx, cy) !== side(ax, ay, bx, by, dx, dy) &&
  side(cx, cy, dx, dy, ax, ay) !== side(cx, cy, dx, dy, bx, by)

const strikes = (line: Segment, box: Box): boolean =>
  crosses(line, [box.x, box.y, box.x + box.width, box.y + box.height]) ||
  crosses(line, [box.x, box.y + box.height, box.x + box.width, box.y])

/** Pixels of detour that a leader across a label or another leader is worth. */
const CROSSING = 60

/**
 * Most important first, each at its cheapest free place: near its dot, its leader across nothing. A name without a free
 * place is left out.
 * @param bounds the plotting area, pixels
 * @param blocked boxes that names must leave free, and that leaders avoid
 * @param lines boxes that names must leave free, and that leaders may cross
 * @param limit most labels
 */
export function layoutLabels(
  spots: readonly Spot[],
  bounds: Box,
  blocked: readonly Box[],
  lines: readonly Box[],
  limit: number,
  maxChars: number,
): PlacedLabel[] {
  const taken: Box[] = [...blocked, ...lines]
  const dots = spots.map((s) => ({x: s.x - s.radius, y: s.y - s.radius, width: 2 * s.radius, height: 2 * s.radius}))
  const inside = spots.filter(
    (s) => s.x >= bounds.x && s.x <= bounds.x + bounds.width && s.y >= bounds.y && s.y <= bounds.y + bounds.height,
  )
  const placed: PlacedLabel[] = []
  const labels: Box[] = []
  const leaders: Segment[] = []
  for (const spot of clusters(inside, maxChars)
    .sort((a, b) => b.priority - a.priority)
    .slice(0, limit)) {
    const width = textWidth(spot.name)
    let best: {cost: number; box: Box; label: PlacedLabel; segment: Segment} | undefined
    for (const {x, y} of places(spot, width)) {
      const box = {x: x - 2, y: y - LINE / 2, width: width + 4, height: LINE}
      const fits =
        box.x >= bounds.x &&
        box.y >= bounds.y &&
        box.x + box.width <= bounds.x + bounds.width &&
        box.y + box.height <= bounds.y + bounds.height
      if (!fits || taken.some((other) => overlaps(box, other)) || dots.some((dot) => overlaps(box, dot))) continue
      const toX = Math.min(Math.max(spot.x, x + 3), x + width - 3)
      const toY = y === spot.y ? y : y + (y > spot.y ? -LINE / 2 : LINE / 2)
      const segment: Segment = [spot.x, spot.y, toX, toY]
      const crossings =
        leaders.filter((other) => crosses(segment, other)).length +
        [...labels, ...blocked].filter((other) => strikes(segment, other)).length +
        leaders.filter((other) => strikes(other, box)).length
      const cost = Math.hypot(toX - spot.x, toY - spot.y) + CROSSING * crossings
      if (best && best.cost <= cost) continue
      // a leader where the name stands away from its dot, or nearer to another one
      const gap = (other: Spot) => Math.hypot(toX - other.x, toY - other.y) - other.radius
      const leader = gap(spot) > LINE / 2 || spots.some((other) => gap(other) < gap(spot) - 1)
      best = {
        cost,
        box,
        segment,
        label: {id: spot.id, text: spot.name, x, y, fromX: spot.x, fromY: spot.y, toX, toY, leader},
      }
    }
    if (!best) continue
    taken.push(best.box)
    labels.push(best.box)
    leaders.push(best.segment)
    placed.push(best.label)
  }
  return placed
}
