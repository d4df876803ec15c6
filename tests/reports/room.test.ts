import {describe, expect, it} from 'vitest'
import {Room, type Segment} from '../../reports/chart/room.ts'

/** Cells that a line takes, 4 px each: `#` where one is taken. */
function drawn(line: Segment, width = 24, height = 12): string[] {
  const room = new Room(width, height)
  room.takeLine(line)
  return Array.from({length: Math.ceil(height / 4)}, (_, row) =>
    Array.from({length: Math.ceil(width / 4)}, (_, column) =>
      room.isFree({x: 4 * column + 1, y: 4 * row + 1, width: 2, height: 2}) ? '.' : '#',
    ).join(''),
  )
}

describe('cells that a line takes', () => {
  it('are those that it touches, in either direction', () => {
    const down: Segment = [2, 2, 22, 10]
    const [x1, y1, x2, y2] = down
    expect(drawn(down)).toEqual(['##....', '.####.', '....##'])
    expect(drawn([x2, y2, x1, y1])).toEqual(drawn(down))
    expect(drawn([0, 6, 24, 6])).toEqual(['......', '######', '......'])
    expect(drawn([10, 0, 10, 12])).toEqual(['..#...', '..#...', '..#...'])
    expect(drawn([10, 6, 10, 6])).toEqual(['......', '..#...', '......'])
  })

  it('end at the plot, also where clipping leaves the end a rounding beyond it', () => {
    // clipped at 424 this line ends at 424.00000000000006
    const room = new Room(424, 400)
    room.takeLine([9.15639824282847, 100, 744.6669007384266, 50])
    expect(room.isFree({x: 420, y: 60, width: 4, height: 20})).toBe(false)
    expect(drawn([-100, 6, 1000, 6])).toEqual(['......', '######', '......'])
    expect(drawn([30, 0, 40, 12])).toEqual(['......', '......', '......'])
  })

  it('are none of a line whose end is no number', () => {
    expect(drawn([Number.NaN, 6, 20, 6]).join('')).not.toContain('#')
    expect(drawn([Number.NEGATIVE_INFINITY, 6, Number.POSITIVE_INFINITY, 6]).join('')).not.toContain('#')
  })
})
