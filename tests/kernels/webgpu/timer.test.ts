import {describe, expect, it} from 'vitest'
import {shortest} from '../../../src/kernels/webgpu/search.ts'
import {clockStep, Stamps, wallClock} from '../../../src/kernels/webgpu/timer.ts'

const exact = {kind: 'timestamp-query', resolution: 1e-9} as const
/** The machine has been up for a while. */
const up = 8_000_000_000_000n

describe('timestamps of a device', () => {
  it('have the step that all of them are multiples of', () => {
    const stamps = new Stamps(exact)
    expect(stamps.timer).toEqual(exact)
    for (const [start, end] of [
      [32n, 96n],
      [160n, 3200n],
      [6400n, 64_032n],
    ] as const)
      stamps.seconds(up + start, up + end, 1)
    expect(stamps.timer).toEqual({kind: 'timestamp-query', resolution: 32e-9})
    // a driver that rounds as browsers do although it was told not to
    const rounded = new Stamps(exact)
    const begun = 65_536n * 1_000_000n
    expect(rounded.seconds(begun, begun + 65_536n * 3n, 1)).toBeCloseTo(196.608e-6, 12)
    rounded.seconds(begun + 65_536n, begun + 65_536n * 8n, 1)
    expect(rounded.timer.resolution).toBeCloseTo(65.536e-6, 12)
  })

  it('are no finer than was declared', () => {
    const stamps = new Stamps({kind: 'timestamp-query', resolution: 1e-4})
    stamps.seconds(up + 1n, up + 8n, 1)
    expect(stamps.timer.resolution).toBe(1e-4)
  })

  it('that stand still, run backwards or outrun the wall clock are given up for it', () => {
    for (const [end, wall] of [
      [0n, 0.1],
      [-5_000_000n, 0.1],
      [900_000_000n, 0.1],
    ] as const) {
      const stamps = new Stamps(exact)
      for (let i = 0; i < 3; i++) {
        expect(stamps.timer.kind).toBe('timestamp-query')
        expect(stamps.seconds(up, up + end, wall)).toBe(0)
      }
      expect(stamps.timer).toEqual({kind: 'wall clock', resolution: 1e-4})
    }
  })

  it('of work too short to be seen are no fault, nor is one bad pair between good ones', () => {
    const stamps = new Stamps(exact)
    for (let i = 0; i < 9; i++) {
      stamps.seconds(up, up, 0.0004)
      stamps.seconds(up, up - 1n, 0.1)
      stamps.seconds(up, up + 1000n, 0.0004)
    }
    expect(stamps.timer.kind).toBe('timestamp-query')
  })
})

describe('the clock of the host', () => {
  /** Moves by `step` ms at every thousandth look. */
  const rounded = (step: number) => {
    let looks = 0
    return () => Math.floor(looks++ / 1000) * step
  }

  it('is as fine as it moves: 1 ms in Firefox and Safari, 0.1 ms in Chrome', () => {
    expect(clockStep(rounded(1))).toBeCloseTo(1e-3, 9)
    expect(clockStep(rounded(0.1))).toBeCloseTo(1e-4, 9)
    // one that stands still is not waited for
    expect(clockStep(() => 7)).toBe(0.1)
    expect(clockStep()).toBeLessThan(1e-4)
  })

  it('makes repetitions as long as its step needs, within reason', () => {
    expect(wallClock(1e-6)).toEqual({kind: 'wall clock', resolution: 1e-4})
    expect(wallClock(1e-3)).toEqual({kind: 'wall clock', resolution: 1e-3})
    expect(shortest({timer: exact}, 0.001)).toBe(0.001)
    expect(shortest({timer: wallClock(1e-6)}, 0.001)).toBeCloseTo(0.01, 9)
    expect(shortest({timer: wallClock(1e-3)}, 0.001)).toBe(0.03)
  })
})
