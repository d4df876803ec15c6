/** Which pixels of a plot are taken, and whether a box is free: one question costs the same whatever the number of marks. */

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Segment = readonly [x1: number, y1: number, x2: number, y2: number]

export const overlaps = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/** The part of a segment inside a box (Liang and Barsky 1984), `undefined` where it passes by. */
export function clip([x1, y1, x2, y2]: Segment, {x, y, width, height}: Box): Segment | undefined {
  const [dx, dy] = [x2 - x1, y2 - y1]
  let [from, to] = [0, 1]
  for (const [slope, gap] of [
    [-dx, x1 - x],
    [dx, x + width - x1],
    [-dy, y1 - y],
    [dy, y + height - y1],
  ] as const) {
    if (slope === 0) {
      if (gap < 0) return undefined
      continue
    }
    if (slope < 0) from = Math.max(from, gap / slope)
    else to = Math.min(to, gap / slope)
    if (from > to) return undefined
  }
  return [x1 + from * dx, y1 + from * dy, x1 + to * dx, y1 + to * dy]
}

/** Whether a segment runs through a box. */
export const strikes = (line: Segment, box: Box): boolean => clip(line, box) !== undefined

/** px of a cell's side: text keeps at least as far from lines as half a stroke. */
const CELL = 4

export class Room {
  readonly #bounds: Box
  readonly #columns: number
  readonly #rows: number
  readonly #taken: Uint8Array
  /** taken cells above and left of each corner; `undefined` where cells were taken since it was summed */
  #sums: Int32Array | undefined

  constructor(width: number, height: number) {
    this.#bounds = {x: 0, y: 0, width, height}
    this.#columns = Math.max(1, Math.ceil(width / CELL))
    this.#rows = Math.max(1, Math.ceil(height / CELL))
    this.#taken = new Uint8Array(this.#columns * this.#rows)
  }

  takeBox({x, y, width, height}: Box): void {
    const left = Math.max(0, Math.floor(x / CELL))
    const right = Math.min(this.#columns - 1, Math.floor((x + width) / CELL))
    const top = Math.max(0, Math.floor(y / CELL))
    const bottom = Math.min(this.#rows - 1, Math.floor((y + height) / CELL))
    for (let row = top; row <= bottom; row++)
      if (right >= left) this.#taken.fill(1, row * this.#columns + left, row * this.#columns + right + 1)
    this.#sums = undefined
  }

  /** Every cell that a segment touches. */
  takeLine(line: Segment): void {
    const inside = clip(line, this.#bounds)
    if (!inside) return
    const [x1, y1, x2, y2] = inside[0] <= inside[2] ? inside : [inside[2], inside[3], inside[0], inside[1]]
    const slope = x2 > x1 ? (y2 - y1) / (x2 - x1) : 0
    const first = Math.min(this.#columns - 1, Math.max(0, Math.floor(x1 / CELL)))
    const last = Math.min(this.#columns - 1, Math.max(first, Math.ceil(x2 / CELL) - 1))
    // column after column, and not until x2 is reached: clipping may leave it a rounding beyond the last one
    for (let column = first; column <= last; column++) {
      const [left, right] = [Math.max(x1, column * CELL), Math.min(x2, (column + 1) * CELL)]
      const [a, b] = x2 > x1 ? [y1 + slope * (left - x1), y1 + slope * (right - x1)] : [y1, y2]
      const bottom = Math.min(this.#rows - 1, Math.floor(Math.max(a, b) / CELL))
      for (let row = Math.max(0, Math.floor(Math.min(a, b) / CELL)); row <= bottom; row++)
        this.#taken[row * this.#columns + column] = 1
    }
    this.#sums = undefined
  }

  /** Whether nothing is taken under a box; what lies beyond the plot is free. */
  isFree({x, y, width, height}: Box): boolean {
    this.#sums ??= this.#sum()
    const stride = this.#columns + 1
    const left = Math.min(this.#columns, Math.max(0, Math.floor(x / CELL)))
    const right = Math.min(this.#columns, Math.max(left, Math.ceil((x + width) / CELL)))
    const top = Math.min(this.#rows, Math.max(0, Math.floor(y / CELL)))
    const bottom = Math.min(this.#rows, Math.max(top, Math.ceil((y + height) / CELL)))
    const sums = this.#sums
    return (
      sums[bottom * stride + right]! -
        sums[top * stride + right]! -
        sums[bottom * stride + left]! +
        sums[top * stride + left]! ===
      0
    )
  }

  #sum(): Int32Array {
    const stride = this.#columns + 1
    const sums = new Int32Array(stride * (this.#rows + 1))
    for (let row = 0; row < this.#rows; row++) {
      let along = 0
      for (let column = 0; column < this.#columns; column++) {
        along += this.#taken[row * this.#columns + column]!
        sums[(row + 1) * stride + column + 1] = sums[row * stride + column + 1]! + along
      }
    }
    return sums
  }
}
