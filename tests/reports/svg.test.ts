import {describe, expect, it} from 'vitest'
import {sourceOf} from '../../reports/live/source.ts'
import {renderSvg} from '../../reports/svg.ts'
import type {View} from '../../reports/view.ts'
import {views} from '../../reports/views/index.ts'
import {cpu, sample, samples} from './support.ts'

describe.each(Object.entries(samples))('SVG of a document: %s', (_name, make) => {
  const document = make()

  it('shows every operator and every ceiling that matters, without numbers that are none', async () => {
    const svg = await renderSvg(document)
    for (const op of document.result.operators) expect(svg).toContain(`aria-label="${op.id}`)
    for (const {level} of document.result.machine.ceilings) if (level) expect(svg).toContain(`>${level} `)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('draws every other view', async () => {
    const more = {source: sourceOf(document).source}
    for (const {id: view, missing} of Object.values(views) as View[]) {
      if (missing?.(document.result, more) !== undefined) {
        await expect(renderSvg(document, view)).rejects.toThrow(/does not hold/)
        continue
      }
      const svg = await renderSvg(document, view, {theme: 'dark', width: 640})
      expect(svg).toMatch(/^<svg/)
      expect(svg).not.toMatch(/NaN|undefined/)
    }
  })
})

it('is as wide as asked, and loads nothing', async () => {
  const svg = await renderSvg(sample(), 'roofline', {width: 800})
  const width = Number(/<svg[^>]* width="(\d+)"/.exec(svg)![1])
  expect(Math.abs(width - 800)).toBeLessThan(60)
  expect(svg.replaceAll(/xmlns(:\w+)?="[^"]+"/g, '')).not.toMatch(/https?:/)
})

it('keeps names as text', async () => {
  const svg = await renderSvg(sample({modelName: '<img src=x onerror=alert(1)>'}))
  expect(svg).not.toContain('<img')
  expect(svg).toContain('&lt;img src=x')
})

it('names the views there are', async () => {
  await expect(renderSvg(sample(), 'pie')).rejects.toThrow(expect.objectContaining({code: 'bad-flag'}))
  await expect(renderSvg(sample(), 'constructor')).rejects.toThrow(/no view "constructor"/)
})

it('refuses what is no analysis', async () => {
  await expect(renderSvg({schema: 'ridgepoint/bench@1', ok: true})).rejects.toMatchObject({code: 'bad-document'})
})

it('draws what only a page embeds: the comparison with the document before', async () => {
  const extras = {before: sample({options: {batch: 4}})}
  expect(await renderSvg(sample(), 'comparison', {extras})).toMatch(/ → \d/)
})

it('keeps the words beside a ridge far left inside of the plot: where there is no room they stand on its other side', async () => {
  const slow = cpu.ceilings.map((c) => (c.kind === 'compute' ? {...c, value: 60e9} : c))
  const document = sample({model: 'transformer', machine: {...cpu, ceilings: slow}})
  const anchors = async (width: number) => {
    const svg = await renderSvg(document, 'roofline', {width})
    return ['ridge 1.58 FLOP/B', '◄ memory-bound'].map(
      (words) => new RegExp(`text-anchor="(\\w+)"[^>]*>${words}<`).exec(svg)?.[1],
    )
  }
  expect(await anchors(960)).toEqual(['end', 'end'])
  expect(await anchors(300)).toEqual(['start', 'start'])
})
