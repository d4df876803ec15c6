import {describe, expect, it} from 'vitest'
import {believed, distanceOf, limitOf, lossesOf} from '../../reports/points-words.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {place} from '../../src/analysis/place.ts'

// bf16 on an H100: 989.4 TFLOP/s and 3.35 TB/s
const {result} = place(
  [
    {name: 'product', flops: 9.894e12, bytes: 1e9, seconds: 0.012},
    {name: 'copy', flops: 0, bytes: 3.35e9, seconds: 0.002},
    {name: 'near', flops: 0, bytes: 3.35e9, seconds: 0.001},
    {name: 'impossible', flops: 9.894e14, bytes: 1, seconds: 1e-6},
  ],
  machines['h100-sxm'],
  {dtype: 'bf16'},
)
const points = believed(result.points)

describe('what a page of points says', () => {
  it('is of those that can be believed', () => {
    expect(result.points.find(({name}) => name === 'impossible')?.verdict).toBe('implausible')
    expect(points.map(({name}) => name)).toEqual(['product', 'copy', 'near'])
  })

  it('names what has most of the time, not of the points', () => {
    expect(limitOf(result, points)).toBe(
      'Arithmetic: 80.0 % of the measured time is under a peak. Memory limits 2 points, arithmetic 1.',
    )
    expect(limitOf(result, points.slice(1))).toBe(
      'Memory: 100.0 % of the measured time is under a bandwidth. Memory limits 2 points, arithmetic 0.',
    )
    expect(limitOf(result, points.slice(0, 1))).toMatch(/^Arithmetic: 100.* Memory limits 0 points, arithmetic 1\.$/)
  })

  it('adds up times, and counts who is near', () => {
    expect(distanceOf(points, 1)).toMatch(/ 1 point of \d+ is wrong or implausible, and not counted here\.$/)
    expect(distanceOf(points)).toBe(
      '15 ms measured, at least 12 ms under the roof: 80.0 % of it is reached. 2 of 3 points reach 80 % or more.',
    )
  })

  it('begins with what would save most seconds, and leaves out who has nothing to save', () => {
    expect(lossesOf(points, 3).map(({name, loses}) => [name, Number(loses.toPrecision(3))])).toEqual([
      ['product', 0.002],
      ['copy', 0.001],
    ])
    expect(lossesOf(points, 1)).toHaveLength(1)
  })
})
