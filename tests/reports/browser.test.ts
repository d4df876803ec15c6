import {readdirSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {expect, it} from 'vitest'
import {chartThemes} from '../../reports/chart/theme.ts'
import {extractDocument, renderHtml} from '../../reports/html.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {describePage, dot} from './browser.ts'
import {cpu, root, sample} from './support.ts'

const examples = join(root, 'reports', 'examples')

describePage('the page in a browser', (browser) => {
  it('draws every chart and every operator, says nothing and loads nothing', async () => {
    const document = sample({options: {against: [machines.mi300x]}})
    const {page, said, asked} = await browser.open(document)
    await expect(page.locator('.chart svg:visible').count()).resolves.toBe(7)
    for (const op of document.result.operators) expect(await dot(page, op.id).count()).toBe(1)
    expect(await page.locator('#operators tbody tr').count()).toBe(document.result.operators.length)
    expect(await page.locator('#answer').innerText()).toContain('What limits it')
    expect(await page.title()).toBe('Llama 3 8B on NVIDIA H100 SXM5 80 GB · Ridgepoint')
    expect(said).toEqual([])
    expect(asked()).toEqual([])
    await page.close()
  })

  it('is laid out as a whole once it is ready: a picture of all of it is blank nowhere', async () => {
    const {page} = await browser.open(sample())
    const skipped = await page
      .locator('section:not([hidden]) h2')
      .evaluateAll((all) => all.filter((e) => !e.checkVisibility({contentVisibilityAuto: true})).length)
    expect(skipped).toBe(0)
    await page.close()
  })

  it('holds its policy: an injected script does not run', async () => {
    const inject = (html: string) => html.replace('</body>', '<script>document.title = "broken in"</script></body>')
    const {page, said} = await browser.open(sample(), undefined, inject)
    expect(await page.title()).not.toBe('broken in')
    expect(said.join()).toMatch(/Content Security Policy/)
    const evaluates = await page.evaluate(() => {
      const made = document.createElement('script')
      made.textContent = 'document.title = "made"'
      document.body.append(made)
      return document.title
    })
    expect(evaluates).not.toBe('made')
    await page.close()
  })

  it('shows a name that looks like markup as a name', async () => {
    const name = '</script><img src=x onerror="document.title=1">'
    const machine = {
      ...cpu,
      name: '<b>bold</b>',
      ceilings: cpu.ceilings.map((c) => ({...c, provenance: {...c.provenance, source: name}})),
    }
    const document = sample({model: 'transformer', machine, modelName: name})
    const {page, said} = await browser.open(
      document,
      undefined,
      undefined,
      {before: document},
      `#model=${encodeURIComponent(name)}&batch=2`,
    )
    expect(await page.locator('#controls [role=alert]').textContent()).toContain('</script>')
    expect(await page.locator('h1').innerText()).toBe(`${name} on <b>bold</b>`)
    expect(await page.locator('img, h1 b').count()).toBe(0)
    expect(said).toEqual([])
    await page.close()
  })

  it('sorts and filters its table', async () => {
    const {page} = await browser.open(sample())
    const first = () => page.locator('#operators tbody tr').first().getAttribute('data-id')
    expect(await first()).toBe('layers.mlp.up')
    await page.locator('#operators thead button', {hasText: /^Operator$/}).click()
    expect(await first()).toBe('embed')
    expect(await page.locator('#operators th[aria-sort=ascending]').innerText()).toContain('Operator')
    await page.getByRole('searchbox', {name: /operators/}).fill('swiglu')
    expect(await page.locator('#operators tbody tr').count()).toBe(1)
    await page.close()
  })

  it.each([360, 390, 768, 1280, 3840])('fits a window %i px wide, and its text is 12 px or more', async (width) => {
    const {page, said} = await browser.open(sample({model: 'transformer', machine: cpu, options: {batch: 32}}), {
      width,
      height: 900,
    })
    const [scrolled, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    expect(scrolled).toBeLessThanOrEqual(inner!)
    const smallest = await page.evaluate(() =>
      Math.min(
        ...[...document.querySelectorAll('body *')]
          .filter(
            (e) => e.childNodes.length > 0 && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent?.trim()),
          )
          .filter((e) => !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(e.tagName))
          .map((e) => Number.parseFloat(getComputedStyle(e).fontSize)),
      ),
    )
    expect(smallest).toBeGreaterThanOrEqual(12)
    expect(said).toEqual([])
    await page.close()
  })

  it('follows the theme of the system and its own switch, charts included', async () => {
    const {page} = await browser.open(sample())
    const label = page.locator('.chart[data-view=roofline] .role-axis-label text').first()
    const ink = () => label.getAttribute('fill')
    expect(await ink()).toBe(chartThemes.light.muted)
    await page.emulateMedia({colorScheme: 'dark'})
    await expect.poll(ink).toBe(chartThemes.dark.muted)
    const colour = () => page.evaluate(() => getComputedStyle(document.querySelector('section')!).backgroundColor)
    expect(await colour()).toBe('rgb(22, 29, 36)')
    await page.getByRole('button', {name: 'Switch to the light theme'}).click()
    await expect.poll(ink).toBe(chartThemes.light.muted)
    await page.close()
  })

  it.each([
    '#pick=<img src=x onerror=alert(1)>&zoom=NaN_1_1_1&level=__proto__&on=constructor&sort-operators=nothing&at=page',
    `#find=${'%'.repeat(300)}&filter-operators=${'('.repeat(9000)}&batch=-1&theme=x&bars=toString`,
    '#=&&==%00&zoom=1e-29_1e29_1e-29_1e29&tp=1e9&hide=',
  ])('opens with the hostile address %#', async (hash) => {
    const {page, said, asked} = await browser.open(sample(), undefined, undefined, {}, hash)
    expect(await page.locator('.chart[data-view=roofline] svg').count()).toBe(1)
    expect(await page.locator('h1').innerText()).toBe('Llama 3 8B on NVIDIA H100 SXM5 80 GB')
    expect(await page.locator('img').count()).toBe(0)
    expect(said).toEqual([])
    expect(asked()).toEqual([])
    await page.close()
  })

  it.each(readdirSync(examples).filter((name) => name.endsWith('.html')))('opens the example %s', async (name) => {
    const file = join(examples, name)
    expect(statSync(file).size).toBeLessThan(1_200_000)
    const page = await browser.context.newPage()
    const said: string[] = []
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(error.message))
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector('html[data-ready]')
    // a page of measured pairs has nothing to compute again
    if (!name.startsWith('fused')) expect(await page.locator('#controls select').count()).toBeGreaterThan(4)
    else expect(await page.locator('#pairs .chart svg').count()).toBe(1)
    expect(said).toEqual([])
    await page.close()
  })

  it('says what is wrong with a document that was edited by hand', async () => {
    const broken = (html: string) => html.replace('"operators":[', '"operatorz":[')
    const file = join(browser.folder, 'broken.html')
    writeFileSync(file, broken(await renderHtml(browser.template, sample())))
    const page = await browser.context.newPage()
    await page.goto(pathToFileURL(file).href)
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('result.operators')
    await page.close()
  })

  it('gives its document back from what the browser saved', async () => {
    const document = sample()
    const {page} = await browser.open(document)
    const html = await page.content()
    expect(await extractDocument(html)).toEqual(document)
    await page.close()
  })
})
