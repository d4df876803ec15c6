import {describe, expect, it} from 'vitest'
import {analysisText} from '../../../reports/text/analysis.ts'
import {placementChart, rooflineChart} from '../../../reports/text/roofline.ts'
import {visibleLength} from '../../../reports/text/style.ts'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import type {Placement} from '../../../src/analysis/document/placement.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {place} from '../../../src/analysis/place.ts'
import {chooseRows} from '../../../src/analysis/rows.ts'
import {analyze} from '../../../src/index.ts'
import {cpu} from '../support.ts'

const look = {width: 80, color: false}
const of = (model: string, machine: string, phase?: string) =>
  analyze(model, {machine, ...(phase ? {phase} : {})}).result

describe('the roofline in the terminal', () => {
  const chart = (...args: Parameters<typeof of>) => rooflineChart(of(...args), look)

  it('draws slope, peak, the operators by share, and names them', () => {
    const text = chart('llama-3-8b', 'h100-sxm')
    for (const glyph of ['╱', '─', '1', '2']) expect(text).toContain(glyph)
    const legend = text.split('\n').findIndex((line) => line.startsWith('1 '))
    expect(text.split('\n')[legend]).toContain('layers.mlp.up')
  })

  it('has a frame that follows from the machine and not from the data', () => {
    const frame = (text: string) =>
      text
        .split('\n')
        .filter((line) => /┤|└/.test(line))
        .map((line) => line.slice(0, 14))
    expect(frame(chart('llama-3-8b', 'h100-sxm'))).toEqual(frame(chart('gpt2', 'h100-sxm', 'decode')))
    const ticks = (text: string) => text.split('\n')[14]
    expect(ticks(chart('llama-3-8b', 'h100-sxm'))).toEqual(ticks(chart('gpt2', 'h100-sxm', 'decode')))
    expect(frame(chart('gpt2', 'l4'))).not.toEqual(frame(chart('gpt2', 'h100-sxm')))
  })

  it('has every operator inside of it: on a CPU the products lie far right of the ridge, on a GPU the additions far left', () => {
    const batch32 = analyzeModel(models.transformer, cpu, {batch: 32}).result
    const others = [of('llama-3-8b', 'h100-sxm'), of('resnet50', 'l4'), of('llama-3-70b', 'mi300x', 'decode')]
    for (const analysis of [batch32, ...others])
      for (const width of [40, 80]) expect(rooflineChart(analysis, {width, color: false})).not.toContain('outside')
  })

  it('puts what is faster higher, and what is more intense further right', () => {
    const analysis = of('llama-3-8b', 'h100-sxm')
    const lines = rooflineChart(analysis, look)
      .split('\n')
      .slice(0, 13)
      .map((line) => line.slice(14))
    const at = (label: string) => {
      const y = lines.findIndex((line) => line.includes(label))
      return {x: lines[y]?.indexOf(label) ?? -1, y}
    }
    const shown = analysis.operators
      .filter((op) => op.flops > 0 && op.time.lower > 0)
      .sort((a, b) => b.share - a.share)
      .slice(0, 9)
      .map((op, i) => ({...at(String(i + 1)), intensity: op.intensity!, rate: op.flops / op.time.lower}))
      .filter(({y}) => y >= 0)
    expect(shown.length).toBeGreaterThan(2)
    for (const a of shown)
      for (const b of shown) {
        if (a.intensity > b.intensity * 2) expect(a.x).toBeGreaterThan(b.x)
        if (a.rate > b.rate * 3) expect(a.y).toBeLessThan(b.y)
      }
  })

  it('has an axis of OP/s where everything computes in integers', () => {
    const placed = (dtype: 'int8' | 'f32') =>
      place([{name: 'p', flops: 1e12, bytes: 1e9, seconds: 0.01}], machines['h100-sxm'], {dtype}).result
    const ticks = (placement: Placement) => [...new Set(placementChart(placement, look).match(/\w+\/s(?= ┤)/g))]
    expect(ticks(placed('int8'))).toEqual(['POP/s', 'TOP/s', 'GOP/s'])
    expect(ticks(placed('f32'))).toEqual(['PFLOP/s', 'TFLOP/s', 'GFLOP/s'])
    const both = {...placed('int8'), points: [...placed('int8').points, ...placed('f32').points]}
    expect(ticks(both)[0]).toBe('PFLOP/s')
    // points of before have the type of their document
    const older = {...placed('int8'), points: placed('int8').points.map(({dtype: _, ...point}) => point)}
    expect(ticks(older)[0]).toBe('POP/s')
    expect(rooflineChart(of('gpt2', 'h100-sxm'), look)).toContain('PFLOP/s ┤')
  })

  it('keeps within the terminal, and gives up where it cannot be read', () => {
    for (const width of [40, 50, 60, 80, 120, 300])
      for (const line of rooflineChart(of('gpt2', 'mi300x'), {width, color: true}).split('\n'))
        expect(visibleLength(line)).toBeLessThanOrEqual(width)
    expect(rooflineChart(of('gpt2', 'h100-sxm'), {width: 36, color: false})).toBe('')
  })
})

describe('the analysis in the terminal', () => {
  it('says how many devices, what is cached, and what is a bound', () => {
    const analysis = analyze('llama-3-70b', {
      machine: 'h100-sxm',
      phase: 'decode',
      count: 8,
      tp: 4,
      kvDtype: 'fp8',
    }).result
    const text = analysisText(analysis, {...look, ...chooseRows(analysis, {}), chart: true})
    expect(text).toContain('after 2,048 cached')
    expect(text).toContain('8 devices, 4 to a replica')
    expect(text.replace(/\s+/g, ' ')).toContain('KV fp8')
    expect(text).toContain('at most')
    expect(text).toContain('Roofline')
  })
})
