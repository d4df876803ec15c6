/** Places names beside dots so that no name lies on another, on a dot, on a line, or on the label of a ceiling. */
import {type Box, overlaps, type Room, type Segment, strikes} from './room.ts'

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

/** Dots closer than this, px, carry one name together. */
const SAME = 5

interface Cluster {
  readonly members: Spot[]
  priority: number
}

/** Spots that lie on one another, the most important of each group first. */
function grouped(spots: readonly Spot[]): Cluster[] {
  const all: Cluster[] = []
  // by squares of `SAME`: a near head stands in the same or in a neighbouring one
  const squares = new Map<string, Cluster[]>()
  for (const spot of [...spots].sort((a, b) => b.priority - a.priority)) {
    const [column, row] = [Math.floor(spot.x / SAME), Math.floor(spot.y / SAME)]
    let near: Cluster | undefined
    for (let i = column - 1; i <= column + 1 && !near; i++) {
      for (let j = row - 1; j <= row + 1 && !near; j++) {
        near = squares
          .get(`${i},${j}`)
          ?.find(({members: [head]}) => Math.hypot(head!.x - spot.x, head!.y - spot.y) < SAME)
      }
    }
    if (near) {
      near.members.push(spot)
      near.priority += spot.priority
      continue
    }
    const cluster = {members: [spot], priority: spot.priority}
    all.push(cluster)
    const key = `${column},${row}`
    squares.set(key, [...(squares.get(key) ?? []), cluster])
  }
  return all
}

/** Joins the names of spots that lie on one another: `mlp.up, mlp.gate, mlp.down` is one label. */
function named({members, priority}: Cluster, maxChars: number): Spot {
  const [head] = members
  let text = head!.name.length > maxChars ? `${head!.name.slice(0, maxChars - 1)}…` : head!.name
  let taken = 1
  for (const spot of members.slice(1)) {
    if (text.length + spot.name.length + 2 > maxChars) break
    text += `, ${spot.name}`
    taken++
  }
  if (taken < members.length) text += ` +${members.length - taken}`
  return {...head!, name: text, priority}
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

const side = (ax: number, ay: number, bx: number, by: number, px: number, py: number) =>
  Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax))

const crosses = ([ax, ay, bx, by]: Segment, [cx, cy, dx, dy]: Segment): boolean =>
  side(ax, ay, bx, by, cx, cy) !== side(ax, ay, bx, by, dx, dy) &&
  side(cx, cy, dx, dy, ax, ay) !== side(cx, cy, dx, dy, bx, by)

export const isInside = (box: Box, bounds: Box): boolean =>
  box.x >= bounds.x &&
  box.y >= bounds.y &&
  box.x + box.width <= bounds.x + bounds.width &&
  box.y + box.height <= bounds.y + bounds.height

/** Pixels of detour that a leader across another leader is worth. */
const CROSSING = 60

export interface LabelOptions {
  /** the plotting area, pixels */
  readonly bounds: Box
  /** texts that names and their leaders keep off */
  readonly texts: readonly Box[]
  /** dots and lines that names keep off, and that leaders may cross */
  readonly room: Room
  /** most labels */
  readonly limit: number
  readonly maxChars: number
}

/**
 * Most important first, each at its cheapest free place: near its dot, its leader across no text and few leaders. A name without a free
 * place is left out.
 */
export function layoutLabels(spots: readonly Spot[], options: LabelOptions): PlacedLabel[] {
  const {bounds, room, limit, maxChars} = options
  const texts = [...options.texts]
  const inside = spots.filter(
    (s) => s.x >= bounds.x && s.x <= bounds.x + bounds.width && s.y >= bounds.y && s.y <= bounds.y + bounds.height,
  )
  const placed: PlacedLabel[] = []
  const leaders: Segment[] = []
  const heads = grouped(inside)
    .sort((a, b) => b.priority - a.priority)
    .slice(0, limit)
    .map((cluster) => named(cluster, maxChars))
  for (const spot of heads) {
    const width = textWidth(spot.name)
    let best: {cost: number; box: Box; label: PlacedLabel; segment: Segment} | undefined
    for (const {x, y} of places(spot, width)) {
      const box = {x: x - 2, y: y - LINE / 2, width: width + 4, height: LINE}
      if (!isInside(box, bounds) || texts.some((other) => overlaps(box, other)) || !room.isFree(box)) continue
      if (leaders.some((other) => strikes(other, box))) continue
      const toX = Math.min(Math.max(spot.x, x + 3), x + width - 3)
      const toY = y === spot.y ? y : y + (y > spot.y ? -LINE / 2 : LINE / 2)
      const segment: Segment = [spot.x, spot.y, toX, toY]
      // a leader where the name stands away from its dot, or nearer to another one
      const gap = (other: Spot) => Math.hypot(toX - other.x, toY - other.y) - other.radius
      const leader = gap(spot) > LINE / 2 || spots.some((other) => gap(other) < gap(spot) - 1)
      if (leader && texts.some((other) => strikes(segment, other))) continue
      const crossings = leader ? leaders.filter((other) => crosses(segment, other)).length : 0
      const cost = Math.hypot(toX - spot.x, toY - spot.y) + CROSSING * crossings
      if (best && best.cost <= cost) continue
      best = {
        cost,
        box,
        segment,
        label: {id: spot.id, text: spot.name, x, y, fromX: spot.x, fromY: spot.y, toX, toY, leader},
      }
    }
    if (!best) continue
    texts.push(best.box)
    if (best.label.leader) leaders.push(best.segment)
    placed.push(best.label)
  }
  return placed
}
