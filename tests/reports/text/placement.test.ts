import {describe, expect, it} from 'vitest'
import {type PlacementView, placementText} from '../../../reports/text/placement.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {place} from '../../../src/analysis/place.ts'
import {sample} from '../support.ts'

const machine = machines['h100-sxm']
const look = (width: number): PlacementView => ({color: false, width, chart: true})
const point = (name: string, flops: number, bytes: number, seconds: number) => ({name, flops, bytes, seconds})

describe('placed points in the terminal', () => {
  const points = [
    point('fast', 1e12, 1e9, 2e-3),
    point(`void kernel<${'float, '.repeat(20)}int>`, 1e9, 1e9, 1e-3),
    point('copy', 0, 1e9, 1e-3),
    point('slow', 1, 1e9, 1),
  ]
  const {result} = place(points, machine, {dtype: 'bf16'})

  it.each([
    80, 100, 120,
  ])('fit %i columns, with every number of the legend in the chart or said to be outside', (width) => {
    const text = placementText(result, look(width))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width)
    expect(text).toContain('a number is a measurement, ○ what')
    // by time: slow, fast, the template; the copy computes nothing
    expect(text).toMatch(/1 slow .*2 fast/s)
    const drawing = text.slice(text.indexOf('Roofline'), text.indexOf('FLOP per byte'))
    for (const label of ['2', '3']) expect(drawing).toMatch(new RegExp(`[ ╱─○]${label}[ ╱─○\n]`))
    expect(text).toContain('outside the frame: 1')
  })

  it('a measurement stands below the ring of its roof by the share it reaches', () => {
    const {result} = place([point('a', 1e10, 1e9, 1e10 / 3.35e11)], machine, {dtype: 'bf16'})
    const lines = placementText(result, look(100)).split('\n')
    const row = (mark: string) =>
      lines.findIndex((line) => (line.includes('│') || line.includes('┤') ? line.slice(14).includes(mark) : false))
    // 33.5 TFLOP/s allowed, a hundredth reached: two decades of two rows each
    expect(row('1') - row('○')).toBe(4)
  })

  it('beside an analysis: predicted and measured, what was joined and what was not', () => {
    const {result: analysis} = sample()
    const op = analysis.operators.find(({id}) => id === 'layers.mlp.up')!
    const joined = place(
      [{name: op.id, flops: null, bytes: null, seconds: op.time.lower * 4}, point('other', 1e9, 1e9, 1)],
      machine,
      {join: analysis},
    ).result
    const text = placementText(joined, look(80))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(text).toMatch(/^operator +predicted ≥ +measured/m)
    expect(text).toMatch(/^layers\.mlp\.up .*25\.0 %/m)
    expect(text).toContain('No operator has the name of: other')
    expect(text).toContain('Not measured: embed')
  })
})
