/** Labels of the gallery's charts as a browser draws them: their real boxes, not the widths that the layout estimates. */
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {benchDocument} from '../../reports/bench.ts'
import {extractDocument, extractExtras} from '../../reports/html.ts'
import type {Extras} from '../../reports/live/source.ts'
import {type Embedded, readEmbedded} from '../../reports/shown.ts'
import {describePage} from './browser.ts'
import {points, profile} from './compared.ts'
import {pairs} from './golden-pages.ts'
import {cpu, root, sample} from './support.ts'

interface Found {
  readonly labels: number
  readonly ceilings: number
  readonly wrong: readonly string[]
}

/** Every text among the marks of a chart: which of them lie on another, leave the chart, or are crossed by a ceiling. */
const inspect = (page: Page, view: string): Promise<Found> =>
  page.evaluate((view) => {
    type Point = readonly [number, number]
    const svg = document.querySelector<SVGSVGElement>(`.chart[data-view=${view}] svg`)!
    const frame = svg.getBoundingClientRect()
    const corners = (element: SVGGraphicsElement, points: readonly Point[]): Point[] => {
      const matrix = element.getScreenCTM()!
      return points.map(([x, y]) => {
        const {x: px, y: py} = new DOMPoint(x, y).matrixTransform(matrix)
        return [px, py] as const
      })
    }
    /** The box that the letters fill: a font's box has room above and below them. */
    const boxOf = (text: SVGTextElement): Point[] => {
      const {x, y, width, height} = text.getBBox()
      const [top, bottom] = [y + height * 0.18, y + height * 0.86]
      return corners(text, [
        [x, top],
        [x + width, top],
        [x + width, bottom],
        [x, bottom],
      ])
    }
    /** Whether two convex shapes share more than an edge: no axis of either separates them (separating axis theorem). */
    const meet = (a: readonly Point[], b: readonly Point[]): boolean =>
      [a, b].every((shape) =>
        shape.every(([x1, y1], i) => {
          const [x2, y2] = shape[(i + 1) % shape.length]!
          const [nx, ny] = [y2 - y1, x1 - x2]
          const long = Math.hypot(nx, ny)
          if (long === 0) return true
          const along = (points: readonly Point[]) => points.map(([x, y]) => (x * nx + y * ny) / long)
          const [p, q] = [along(a), along(b)]
          return Math.max(...p) > Math.min(...q) + 0.5 && Math.max(...q) > Math.min(...p) + 0.5
        }),
      )
    // a text is drawn twice, first its halo
    const labels = [...svg.querySelectorAll<SVGTextElement>('.mark-text.role-mark text')]
      .filter((text) => (text.textContent ?? '') !== '' && !Number(text.getAttribute('stroke-width') ?? 0))
      .map((text) => ({text: text.textContent!, box: boxOf(text)}))
    const ceilings = [...svg.querySelectorAll<SVGLineElement>('.mark-rule.role-mark line')]
      .filter((line) => /B\/s|OP\/s/.test(line.getAttribute('aria-label') ?? ''))
      .map((line) => {
        const end = (name: string) => Number(line.getAttribute(name) ?? 0)
        return {
          name: line.getAttribute('aria-label')!,
          box: corners(line, [
            [end('x1'), end('y1')],
            [end('x2'), end('y2')],
          ]),
        }
      })
    const wrong: string[] = []
    labels.forEach(({text, box}, i) => {
      for (const [x, y] of box)
        if (x < frame.left - 1 || x > frame.right + 1 || y < frame.top - 1 || y > frame.bottom + 1) {
          wrong.push(`"${text}" leaves the chart`)
          break
        }
      for (const other of labels.slice(i + 1)) if (meet(box, other.box)) wrong.push(`"${text}" lies on "${other.text}"`)
      for (const ceiling of ceilings)
        if (meet(box, ceiling.box)) wrong.push(`"${text}" is crossed by "${ceiling.name}"`)
    })
    return {labels: labels.length, ceilings: ceilings.length, wrong}
  }, view)

const folder = join(root, 'reports', 'examples')
const pages = readdirSync(folder).filter((name) => name.endsWith('.html'))

describePage('labels of the gallery', (browser) => {
  /** Opens a page at three widths and looks at its charts. */
  async function expectClear(document: Embedded, extras: Extras, views: readonly string[]): Promise<void> {
    for (const width of [390, 1280, 3840]) {
      const {page} = await browser.open(document, {width, height: 1000}, undefined, extras)
      for (const view of views) {
        await page.locator(`.chart[data-view=${view}]`).scrollIntoViewIfNeeded()
        const {labels, ceilings, wrong} = await inspect(page, view)
        expect(labels, `${view}, ${width} px`).toBeGreaterThan(3)
        expect(ceilings, `${view}, ${width} px`).toBeGreaterThan(1)
        expect(wrong, `${view}, ${width} px`).toEqual([])
      }
      await page.close()
    }
  }

  it.each(pages)('%s', {timeout: 180_000}, async (name) => {
    const html = readFileSync(join(folder, name), 'utf8')
    const [document, extras] = [readEmbedded(await extractDocument(html)), await extractExtras(html)]
    await expectClear(document, extras, extras.before ? ['roofline', 'comparison'] : ['roofline'])
  })

  it('two profiles, two sets of points', {timeout: 180_000}, async () => {
    const before = profile({l2: 0.7, 'fma-f32': 0.9})
    await expectClear(profile({dram: 1.3}), {before}, ['profiles'])
    await expectClear(points({'gemm 2048': 1.4, 'softmax 4096': 0.5}), {before: points()}, ['timings'])
  })

  it('names of pairs are whole, or cut in their middle, and never by the edge of the chart', async () => {
    // as wide as they come: digits between multiplication signs
    const dims = Object.fromEntries(Array.from({length: 11}, (_, i) => [`d${i}`, 1 + (i % 3)]))
    const long = [{...pairs[0]!, id: 'conv+batchnorm+relu', dims}, pairs[1]!]
    const {page} = await browser.open(benchDocument([pairs[0]!.fused], cpu, []), undefined, undefined, {pairs: long})
    const left = await page.evaluate(() => {
      const svg = document.querySelector('.chart[data-view=pairs] svg')!
      const names = [...svg.querySelectorAll('.role-axis-label text')]
      return Math.min(...names.map((name) => name.getBoundingClientRect().left)) - svg.getBoundingClientRect().left
    })
    expect(left).toBeGreaterThanOrEqual(0)
    await page.close()
  })

  it('the knee of a batch stays beside its line, off the axis, on a telephone too', async () => {
    const {page} = await browser.open(sample({options: {phase: 'decode', batch: 8}}), {width: 390, height: 900})
    for (const view of ['throughput', 'latency']) {
      await page.locator(`.chart[data-view=${view}]`).scrollIntoViewIfNeeded()
      const [label, plot] = await page.evaluate((view) => {
        const svg = document.querySelector(`.chart[data-view=${view}] svg`)!
        const text = [...svg.querySelectorAll('text')].find(({textContent}) => textContent?.includes('knee'))!
        const box = (element: Element) => {
          const {left, right, top, bottom} = element.getBoundingClientRect()
          return {left, right, top, bottom}
        }
        return [box(text), box(svg.querySelector('.background')!)]
      }, view)
      expect(label!.left, view).toBeGreaterThan(plot!.left)
      expect(label!.right, view).toBeLessThan(plot!.right)
      expect(label!.bottom, view).toBeLessThanOrEqual(plot!.bottom)
    }
    await page.close()
  })

  it('finds a label that was put on another, on a ceiling, and beside the chart', async () => {
    const {page} = await browser.open(sample())
    await page.evaluate(() => {
      const labels = [
        ...document.querySelectorAll('.chart[data-view=roofline] .mark-text.role-mark text:not([stroke-width])'),
      ].filter((text) => (text.textContent ?? '') !== '')
      const line = document.querySelector('.chart[data-view=roofline] .mark-rule line[aria-label*="B/s"]')!
      labels.at(-1)!.setAttribute('transform', labels.at(-2)!.getAttribute('transform')!)
      labels.at(-3)!.setAttribute('transform', 'translate(-4000, 20)')
      const x = Number(line.getAttribute('x2')) / 2
      const y = Number(line.getAttribute('y2')) / 2
      const [, startX, startY] = /translate\(([-\d.e]+),([-\d.e]+)\)/.exec(line.getAttribute('transform')!)!
      labels.at(-4)!.setAttribute('transform', `translate(${Number(startX) + x}, ${Number(startY) + y})`)
    })
    const {wrong} = await inspect(page, 'roofline')
    expect(wrong).toContainEqual(expect.stringContaining('" lies on "'))
    expect(wrong).toContainEqual(expect.stringContaining('leaves the chart'))
    expect(wrong).toContainEqual(expect.stringContaining('is crossed by'))
    await page.close()
  })
})
