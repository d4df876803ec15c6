import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {machines} from '../../src/analysis/machines/index.ts'
import {describePage, serious} from './browser.ts'
import {cpu, sample} from './support.ts'

const themes = ['light', 'dark'] as const
const widths = [360, 1280, 3840]

/** What has the focus: enough to tell it from others, its name, and whether it shows. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement
    if (!element || element === document.body) return undefined
    const style = getComputedStyle(element)
    const label = (element as HTMLInputElement).labels?.[0]?.textContent
    return {
      at: `${element.tagName} ${element.id} ${element.className} ${element.getAttribute('aria-label') ?? ''} ${element.textContent?.slice(0, 40)}`,
      name: (element.getAttribute('aria-label') ?? label ?? element.textContent ?? '').trim(),
      shows:
        (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none',
    }
  })

describePage('the page for every reader', (browser) => {
  const cases = themes.flatMap((theme) => widths.map((width) => [theme, width] as const))
  it.each(cases)('has nothing that axe calls serious, %s, %i px wide', async (colorScheme, width) => {
    const extras = {before: sample({options: {batch: 4}})}
    const size = {width, height: 900}
    const {page} = await browser.open(sample({options: {against: [machines.mi300x]}}), size, undefined, extras)
    await page.emulateMedia({colorScheme})
    await page.waitForTimeout(200)
    expect(await serious(page)).toEqual([])
    await page.close()
  })

  it('is walked by Tab from end to end: each stop has a name and shows, and the walk comes out again', async () => {
    const {page, said} = await browser.open(sample())
    const stops: string[] = []
    for (let i = 0; i < 250; i++) {
      await page.keyboard.press('Tab')
      const stop = await focused(page)
      if (!stop || (stops.length > 0 && stop.at === stops[0])) break
      expect(stop.name, stop.at).not.toBe('')
      expect(stop.shows, stop.at).toBe(true)
      stops.push(stop.at)
    }
    expect(stops.length).toBeGreaterThan(60)
    expect(stops.length).toBeLessThan(250)
    const order = ['Switch to the', 'control-model', 'Zoom in', 'Roofline of', 'Find an operator', 'Filter', 'TR']
    const places = order.map((text) => stops.findIndex((stop) => stop.includes(text)))
    expect(places).not.toContain(-1)
    expect(await page.locator('#roofline-keys').textContent()).toContain('arrows move')
    expect(await page.locator('.chart[data-view=roofline]').getAttribute('aria-describedby')).toBe('roofline-keys')
    expect(places).toEqual([...places].sort((a, b) => a - b))
    // one stop for all rows
    expect(stops.filter((stop) => stop.startsWith('TR '))).toHaveLength(1)
    await page.keyboard.press('Shift+Tab')
    expect(await focused(page)).toBeDefined()
    expect(said).toEqual([])
    await page.close()
  })

  it('is worked by keys: arrows go from row to row, Enter picks, Escape lets go, arrows move the chart', async () => {
    const {page} = await browser.open(sample())
    const picked = page.locator('#operators tr[aria-selected=true]')
    const active = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset.id)
    const ids = await page
      .locator('#operators tbody tr')
      .evaluateAll((rows) => rows.map((row) => (row as HTMLElement).dataset.id))
    await page.locator('#operators tbody tr[tabindex="0"]').focus()
    expect(await active()).toBe(ids[0])
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await active()).toBe(ids[2])
    await page.keyboard.press('Enter')
    expect(await picked.getAttribute('data-id')).toBe(ids[2])
    await page.keyboard.press('End')
    expect(await active()).toBe(ids.at(-1))
    await page.keyboard.press('ArrowDown')
    expect(await active()).toBe(ids.at(-1))
    await page.keyboard.press('Home')
    expect(await active()).toBe(ids[0])
    await page.keyboard.press('Escape')
    await expect.poll(() => picked.count()).toBe(0)
    const ticks = () => page.locator('.chart[data-view=roofline] .role-axis-label text').allInnerTexts()
    const before = await ticks()
    await page.locator('.chart[data-view=roofline]').focus()
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowLeft']) await page.keyboard.press(key)
    await expect.poll(ticks).not.toEqual(before)
    await page.keyboard.press('0')
    await expect.poll(ticks).toEqual(before)
    await page.close()
  })

  it('says what it is: landmarks, headings in order, tables with captions, pictures with descriptions', async () => {
    const {page} = await browser.open(sample({options: {against: [machines.mi300x]}}))
    const found = await page.evaluate(() => {
      const all = (selector: string) => [...document.querySelectorAll(selector)]
      return {
        landmarks: ['header', 'nav', 'main'].map((name) => all(`#page > ${name}`).length),
        lang: document.documentElement.lang,
        levels: all('h1, h2, h3').map((heading) => Number(heading.tagName[1])),
        tables: all('table').map((table) => table.querySelector('caption')?.textContent ?? ''),
        headings: all('thead th').every((th) => th.getAttribute('scope') === 'col' && th.hasAttribute('aria-sort')),
        rows: all('tbody tr[data-id] > th').every((th) => th.getAttribute('scope') === 'row'),
        charts: all('.chart svg').map((svg) => {
          const described = svg.closest('[role=graphics-document]')
          return described?.getAttribute('aria-label') ?? ''
        }),
        figures: all('figure').every((figure) => (figure.getAttribute('aria-label') ?? '') !== ''),
        alerts: all('[role=status], [role=alert]').length,
      }
    })
    expect(found.landmarks).toEqual([1, 1, 1])
    expect(found.lang).toBe('en')
    expect(found.levels[0]).toBe(1)
    // no level is skipped on the way down; figures of the first screen stand under the title
    for (const [i, level] of found.levels.slice(1).entries())
      expect(level - found.levels[i]!).toBeLessThanOrEqual(1 + Number(i === 0))
    for (const caption of found.tables) expect(caption).not.toBe('')
    expect(found).toMatchObject({headings: true, rows: true, figures: true})
    expect(found.charts.length).toBeGreaterThan(5)
    for (const words of found.charts) expect(words.length).toBeGreaterThan(20)
    expect(found.alerts).toBeGreaterThan(1)
    await page.close()
  })

  it('reads out what computing again came to', async () => {
    const {page} = await browser.open(sample())
    const region = page.locator('#controls p[role=status]')
    expect(await region.textContent()).toBe('')
    await page.getByRole('button', {name: '×2 Batch'}).click()
    await expect.poll(() => region.textContent()).toMatch(/^Computed again: at least [\d.]+ ms\. Arithmetic: /)
    const first = await region.textContent()
    await page.getByRole('button', {name: '×2 Batch'}).click()
    await expect.poll(() => region.textContent()).not.toBe(first)
    await page.close()
  })

  it('holds with forced colours and without motion', async () => {
    const {page, said} = await browser.open(sample())
    await page.emulateMedia({forcedColors: 'active', reducedMotion: 'reduce'})
    const colours = await page.evaluate(() => {
      const of = (selector: string, name: 'fill' | 'backgroundColor') =>
        getComputedStyle(document.querySelector(selector)!)[name]
      return {
        dots: new Set(
          [...document.querySelectorAll('.chart[data-view=roofline] [aria-roledescription=point]')].map(
            (mark) => getComputedStyle(mark).fill,
          ),
        ).size,
        sign: of('.sign.class-matrix', 'fill'),
        behaviour: getComputedStyle(document.documentElement).scrollBehavior,
        moving: document.getAnimations().length,
      }
    })
    // classes keep their colours apart; shapes say the same without them
    expect(colours.dots).toBeGreaterThan(2)
    expect(colours.sign).toBe('rgb(0, 114, 178)')
    expect(colours).toMatchObject({behaviour: 'auto', moving: 0})
    expect(said).toEqual([])
    await page.close()
  })

  it('is printed whole: every chart inside its sheet, on white, with its words open', async () => {
    const {page} = await browser.open(
      sample({model: 'transformer', machine: cpu, options: {batch: 32}}),
      undefined,
      undefined,
      {
        before: sample({model: 'transformer', machine: cpu}),
      },
    )
    await page.emulateMedia({media: 'print', colorScheme: 'dark'})
    await page.setViewportSize({width: 718, height: 1000})
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    await page.waitForTimeout(500)
    const found = await page.evaluate(() => ({
      theme: document.documentElement.dataset.theme,
      wide: [...document.querySelectorAll('.chart svg, table')]
        .filter((e) => e.getClientRects().length > 0)
        .map((e) => ({what: e.closest('section')!.id, right: e.getBoundingClientRect().right}))
        .filter(({right}) => right > innerWidth + 1),
      empty: [...document.querySelectorAll('section:not([hidden]) figure:not([hidden]) .chart')].filter(
        (chart) => !chart.querySelector('svg path'),
      ).length,
      closed: document.querySelectorAll('details:not([open])').length,
      buttons: [...document.querySelectorAll('.tools button, nav a')].filter((e) => e.getClientRects().length > 0)
        .length,
    }))
    expect(found).toEqual({theme: 'light', wide: [], empty: 0, closed: 0, buttons: 0})
    const paper = await page.pdf({format: 'A4'})
    expect(paper.subarray(0, 5).toString()).toBe('%PDF-')
    await page.close()
  })
})
