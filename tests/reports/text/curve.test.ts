import {describe, expect, it} from 'vitest'
import {bar, sustainLines, sweepLines} from '../../../reports/text/curve.ts'
import {machines} from '../../../src/index.ts'

const look = {width: 80, color: false}
const measured = {
  ...machines['h100-sxm'],
  identity: {
    sweep: [
      {bytes: 4096, bytesPerSecond: 2e11, latency: 1e-9},
      {bytes: 2 ** 27, bytesPerSecond: 5e10},
      {bytes: 'many', bytesPerSecond: 1},
    ],
    sustained: {
      peak: 2e11,
      remains: 1e11,
      curve: [...Array(100).keys()].map((i) => ({
        seconds: i + 1,
        flopsPerSecond: 2e11 / (1 + (i > 50 ? 1 : 0)),
        clockHz: 3e9,
      })),
    },
  },
}

describe('bars', () => {
  it('are as long as their share, to an eighth of a column', () => {
    expect(bar(1, 10)).toBe('██████████')
    expect(bar(0.25, 10)).toBe('██▌')
    expect(bar(0, 10)).toBe('')
    expect(bar(7, 3)).toBe('███')
  })
})

describe('curves', () => {
  it('show each working set with its rate and latency, and skip what is no point', () => {
    const lines = sweepLines(measured, look)
    expect(lines).toHaveLength(3)
    expect(lines[1]).toContain('4 KiB')
    expect(lines[1]).toContain('200 GB/s, 1 ns')
    expect(lines[2]).toContain('50 GB/s')
    expect(lines[1]!.split('█').length).toBeGreaterThan(3 * lines[2]!.split('█').length)
  })

  it('show a long run in at most 24 rows, its end among them', () => {
    const lines = sustainLines(measured, look)
    expect(lines[0]).toBe('Sustained load: 200 GFLOP/s at best, 100 GFLOP/s remain')
    expect(lines.length).toBeLessThanOrEqual(25)
    expect(lines.at(-1)).toContain('100.0 s')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('are absent where nothing was measured', () => {
    expect(sweepLines(machines['h100-sxm'], look)).toEqual([])
    expect(sustainLines(machines['h100-sxm'], look)).toEqual([])
  })
})
