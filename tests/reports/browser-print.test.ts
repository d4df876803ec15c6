/** The page on paper: Chromium's own PDF of it. */
import {mkdirSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {pathToFileURL} from 'node:url'
import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {benchDocument} from '../../reports/bench.ts'
import type {ReportDocument} from '../../reports/document.ts'
import {renderHtml} from '../../reports/html.ts'
import {describePage} from './browser.ts'
import {pairs} from './golden-pages.ts'
import {cpu, sample} from './support.ts'

/** A model whose graph comes from a file: many operators, each with a name of its own. */
function large(count = 1000): ReportDocument {
  const document = sample()
  const {operators} = document.result
  const many = Array.from({length: count}, (_, i) => {
    const op = operators[i % operators.length]!
    return {...op, id: `block${i}.${op.id}`, share: op.share * (operators.length / count)}
  })
  return {...document, result: {...document.result, operators: many}}
}

/** Prints as a reader would, and counts the sheets. */
async function sheets(page: Page, name: string): Promise<number> {
  const paper = await page.pdf({format: 'A4', margin: {top: '12mm', bottom: '12mm', left: '10mm', right: '10mm'}})
  // to look at: RIDGEPOINT_PAPER names a folder
  const folder = process.env.RIDGEPOINT_PAPER
  if (folder) {
    const file = `${folder}/${name}.pdf`
    mkdirSync(dirname(file), {recursive: true})
    writeFileSync(file, paper)
  }
  return [...paper.toString('latin1').matchAll(/\/Type\s*\/Page\b/g)].length
}

describePage('the page on paper', (browser) => {
  it('prints the rows of a long table that matter, and says how many it leaves out', async () => {
    const {page, said} = await browser.open(large())
    const left = page.locator('#operators .left-out')
    expect(await left.isVisible()).toBe(false)
    await page.emulateMedia({media: 'print'})
    expect(await left.innerText()).toMatch(
      /^On paper these are the first 30 of 1,000 rows, by “Share”; columns .*“Shape”.* The page and its CSV have everything\.$/,
    )
    const rows = page.locator('#operators tbody tr')
    expect(await rows.evaluateAll((all) => all.filter((row) => row.getClientRects().length > 0).length)).toBe(30)
    // sorted by time: what is left out takes less
    const count = await sheets(page, 'thousand')
    expect(count).toBeGreaterThan(3)
    expect(count).toBeLessThanOrEqual(12)
    expect(said).toEqual([])
    await page.close()
  })

  it('cuts a chart of more rows than a sheet holds between two rows, and the axis goes with the last', async () => {
    const many = Array.from({length: 42}, (_, i) => ({...pairs[0]!, dims: {...pairs[0]!.dims, rows: i + 1}}))
    const {page, said} = await browser.open(
      benchDocument([many[0]!.unfused, many[0]!.fused], cpu, []),
      undefined,
      undefined,
      {pairs: many},
    )
    const chart = page.locator('.chart[data-view=pairs]')
    const cut = () =>
      chart
        .locator('.sheet')
        .evaluateAll((all) => all.map((one) => one.getAttribute('viewBox')!.split(' ').map(Number)))
    // what is added for paper is taken away behind it
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    const boxes = await cut()
    expect(boxes.length).toBe(3)
    let end = 0
    for (const [i, [, from = 0, , height = 0]] of boxes.entries()) {
      expect(from).toBe(end)
      end = from + height
      // 34 px above the first row, 48 px of a pair
      if (i < 2) expect((end - 34) % 48).toBe(0)
      expect(height).toBeLessThan(920)
      expect(boxes[i]![2]).toBe(700)
    }
    expect(end).toBe(34 + 42 * 48 + 44)
    await page.evaluate(() => dispatchEvent(new Event('afterprint')))
    expect(await cut()).toEqual([])
    expect(await sheets(page, 'pairs')).toBeGreaterThan(3)
    expect(await cut()).toEqual([])
    expect(said).toEqual([])
    await page.close()
  })

  // 300 operators are compressed in the page, which it unpacks behind its load
  it.each([
    ['a small document', 0],
    ['a compressed one', 300],
  ])('printed as soon as %s is loaded holds every chart, drawn for paper', async (_, operators) => {
    const file = join(browser.folder, `print-${operators}.html`)
    const html = await renderHtml(browser.template, operators > 0 ? large(operators) : sample({machine: cpu}))
    expect(html.includes('type="application/octet-stream" id="ridgepoint-document"')).toBe(operators > 0)
    writeFileSync(file, html)
    const page = await browser.context.newPage()
    await page.emulateMedia({colorScheme: 'dark'})
    await page.addInitScript(() => {
      // Charts are drawn one after the other, behind timers of no time: these are kept until paper has its own, or a slow machine would be done before.
      const later = globalThis.setTimeout
      const kept: (() => void)[] = []
      let keeps = true
      const keep = (handler: () => void, ms?: number) => (keeps && !ms ? kept.push(handler) : later(handler, ms))
      Object.assign(globalThis, {setTimeout: keep})
      addEventListener('afterprint', () => {
        keeps = false
        for (const handler of kept) later(handler)
        const figures = [...document.querySelectorAll<HTMLElement>('figure:not([hidden]) .chart')]
        const {ready = 'no', theme} = document.documentElement.dataset
        const charts = figures
          .filter((chart) => !chart.closest('[hidden]'))
          .map((chart) => [
            chart.dataset.view,
            chart.querySelectorAll('svg path').length > 5,
            Number(chart.querySelector('svg')?.getAttribute('width')) <= 700,
          ])
        Object.assign(globalThis, {printed: {ready, theme, charts}})
      })
    })
    await page.goto(pathToFileURL(file).href, {waitUntil: 'load'})
    await sheets(page, `load-${operators}`)
    const printed = await page.evaluate(() => (globalThis as unknown as {printed: unknown}).printed)
    const all = ['roofline', 'time', 'fusion', 'throughput', 'latency', 'memory', 'tiles']
    // the page was not whole yet
    expect(printed).toEqual({ready: 'no', theme: 'light', charts: all.map((view) => [view, true, true])})
    // and goes on where it was
    await page.waitForSelector('html[data-ready]')
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    await page.waitForFunction(() => {
      const chart = document.querySelector('.chart[data-view=time]')!
      return Number(chart.querySelector('svg')!.getAttribute('width')) === chart.clientWidth
    })
    await page.close()
  })

  it('its own button draws for paper before it prints: a script that prints lets nothing be done behind its back', async () => {
    const {page} = await browser.open(sample({machine: cpu}))
    await page.emulateMedia({colorScheme: 'dark'})
    await page.evaluate(() => {
      globalThis.print = () => {
        const {theme} = document.documentElement.dataset
        const widths = [...document.querySelectorAll('.chart > svg')].map((svg) => Number(svg.getAttribute('width')))
        Object.assign(globalThis, {printed: {theme, widest: Math.max(...widths)}})
        dispatchEvent(new Event('beforeprint'))
        dispatchEvent(new Event('afterprint'))
      }
    })
    await page.getByRole('button', {name: 'Print'}).click()
    await page.waitForFunction(() => 'printed' in globalThis)
    const printed = await page.evaluate(() => (globalThis as unknown as {printed: unknown}).printed)
    expect(printed).toEqual({theme: 'light', widest: 700})
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    await page.close()
  })

  it('prints a short table whole', async () => {
    const {page} = await browser.open(sample({model: 'transformer', machine: cpu, options: {batch: 32}}))
    await page.emulateMedia({media: 'print'})
    const table = page.locator('#operators')
    const rows = await table.locator('tbody tr').count()
    expect(rows).toBeLessThan(31)
    expect(await table.locator('tbody tr.unprinted').count()).toBe(0)
    expect(await table.locator('.left-out').innerText()).toMatch(/^On paper columns /)
    expect(await page.locator('#machine .left-out').textContent()).toBe('')
    expect(await sheets(page, 'transformer')).toBeLessThanOrEqual(12)
    await page.close()
  })
})
