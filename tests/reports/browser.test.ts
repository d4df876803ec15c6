import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type BrowserContext, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {chartThemes} from '../../reports/chart/theme.ts'
import type {ReportDocument} from '../../reports/document.ts'
import {extractDocument, renderHtml} from '../../reports/html.ts'
import type {Extras} from '../../reports/live/source.ts'
import type {FusedPair} from '../../src/analysis/document/bench.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {place} from '../../src/analysis/place.ts'
import {buildTemplate, cpu, root, sample} from './support.ts'

const examples = join(root, 'reports', 'examples')
const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
const present = existsSync(executable)
const required = process.env.CI === 'true' || process.env.RIDGEPOINT_BROWSER === 'required'
const missing = `no Chromium at ${executable}: install it (Debian: apt-get install chromium) or set CHROMIUM to its path`

/** Nothing of a user's browser, and no network of its own. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

if (!present) {
  if (required) it('finds Chromium', () => expect.fail(missing))
  else it.skip(`the page in a browser: ${missing}`)
}

describe.runIf(present)('the page in a browser', {timeout: 60_000}, () => {
  let folder = ''
  let template = ''
  let context: BrowserContext

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ridgepoint-browser-'))
    template = buildTemplate()
    context = await chromium.launchPersistentContext(join(folder, 'profile'), {
      executablePath: executable,
      args: flags,
      viewport: {width: 1280, height: 900},
    })
  }, 120_000)

  afterAll(async () => {
    await context?.close()
    rmSync(folder, {recursive: true, force: true})
  })

  /** Opens a document as a page; what the console says and what the page asks the network for is kept. */
  async function open(
    document: ReportDocument,
    viewport = {width: 1280, height: 900},
    edit = (html: string) => html,
    extras: Extras = {},
    hash = '',
  ) {
    const file = join(folder, `${Math.random().toString(36).slice(2)}.html`)
    writeFileSync(file, edit(await renderHtml(template, document, extras)))
    const page = await context.newPage()
    const said: string[] = []
    const asked: string[] = []
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(error.message))
    page.on('request', (request) => asked.push(request.url()))
    await page.setViewportSize(viewport)
    await page.goto(`${pathToFileURL(file).href}${hash}`)
    await page.waitForSelector('html[data-ready]')
    return {page, said, asked: () => asked.filter((url) => !url.startsWith('file:') && !url.startsWith('data:'))}
  }

  const dot = (page: Page, id: string) =>
    page.locator(`.chart[data-view=roofline] [aria-roledescription=point][aria-label^="${id}"]`)

  it('draws every chart and every operator, says nothing and loads nothing', async () => {
    const document = sample({options: {against: [machines.mi300x]}})
    const {page, said, asked} = await open(document)
    await expect(page.locator('.chart svg:visible').count()).resolves.toBe(7)
    for (const op of document.result.operators) expect(await dot(page, op.id).count()).toBe(1)
    expect(await page.locator('#operators tbody tr').count()).toBe(document.result.operators.length)
    expect(await page.locator('#answer').innerText()).toContain('What limits it')
    expect(await page.title()).toBe('Llama 3 8B on NVIDIA H100 SXM5 80 GB · Ridgepoint')
    expect(said).toEqual([])
    expect(asked()).toEqual([])
    await page.close()
  })

  it('holds its policy: an injected script does not run', async () => {
    const inject = (html: string) => html.replace('</body>', '<script>document.title = "broken in"</script></body>')
    const {page, said} = await open(sample(), undefined, inject)
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
    const {page, said} = await open(
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

  it('links rows and dots both ways, by pointer and by keyboard', async () => {
    const {page} = await open(sample())
    const row = page.locator('tr[data-id="layers.attn.rope"]')
    const ring = page.locator('.chart[data-view=roofline] path[stroke="#b3261e"][stroke-width="3"]')
    expect(await ring.count()).toBe(0)
    await row.focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => ring.count()).toBe(1)
    expect(await row.getAttribute('aria-selected')).toBe('true')
    const near = await page.evaluate(() => {
      const middle = (element: Element) => {
        const {x, y, width, height} = element.getBoundingClientRect()
        return [x + width / 2, y + height / 2] as const
      }
      const [a, b] = ['path[stroke="#b3261e"][stroke-width="3"]', '[aria-label^="layers.attn.rope"]'].map((selector) =>
        middle(document.querySelector(`.chart[data-view=roofline] ${selector}`)!),
      )
      return Math.hypot(a![0] - b![0], a![1] - b![1])
    })
    // a triangle's box is not centred on its point
    expect(near).toBeLessThan(4)
    await dot(page, 'layers.attn.residual').last().scrollIntoViewIfNeeded()
    const place = await dot(page, 'layers.mlp.residual').boundingBox()
    await page.mouse.click(place!.x + place!.width / 2, place!.y + place!.height / 2)
    // two operators stand there: the one on top is picked
    await expect
      .poll(() => page.locator('#operators tr[aria-selected=true]').getAttribute('data-id'))
      .toMatch(/residual$/)
    await page.close()
  })

  it('answers the pointer over a dot', async () => {
    const {page} = await open(sample())
    await dot(page, 'layers.attn.norm').scrollIntoViewIfNeeded()
    const place = await dot(page, 'norm (').or(dot(page, 'norm:')).first().boundingBox()
    await page.mouse.move(place!.x + place!.width / 2, place!.y + place!.height / 2)
    const tooltip = page.locator('.tooltip')
    await expect.poll(() => tooltip.isVisible()).toBe(true)
    for (const term of [
      'Shape',
      'FLOPs',
      'Bytes',
      'reads',
      'Intensity',
      'Attainable',
      'Predicted',
      'Bound by',
      'Share',
    ]) {
      expect(await tooltip.innerText()).toContain(term)
    }
    await page.close()
  })

  it('zooms by wheel once it is clicked, by buttons always, and returns to its frame', async () => {
    const {page, said} = await open(sample())
    const ticks = () => page.locator('.chart[data-view=roofline] .role-axis-label text').allInnerTexts()
    const before = await ticks()
    const chart = page.locator('.chart[data-view=roofline]')
    await chart.scrollIntoViewIfNeeded()
    const box = (await chart.boundingBox())!
    const middle = [box.x + box.width / 2, box.y + box.height / 3] as const
    await page.mouse.move(...middle)
    await page.mouse.wheel(0, -1)
    await page.waitForTimeout(100)
    expect(await ticks()).toEqual(before)
    await page.mouse.click(...middle)
    for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -200)
    await expect.poll(ticks).not.toEqual(before)
    await page.getByRole('button', {name: 'Reset to the frame'}).click()
    await expect.poll(ticks).toEqual(before)
    await page.getByRole('button', {name: 'Zoom in'}).click()
    await expect.poll(ticks).not.toEqual(before)
    expect(said).toEqual([])
    await page.close()
  })

  it('hides and shows ceilings, classes and moves', async () => {
    const {page, said} = await open(sample())
    const line = page.locator('.chart[data-view=roofline] [aria-label^="fp8/int8 matrix"]')
    expect(await line.count()).toBe(0)
    await page.getByLabel(/^fp8\/int8 matrix/).check()
    await expect.poll(() => line.count()).toBe(1)
    await page.getByRole('checkbox', {name: 'Attention'}).uncheck()
    await expect.poll(() => dot(page, 'layers.attn.scores').count()).toBe(0)
    await page.getByLabel(/What fusing moves/).check()
    await expect.poll(() => page.locator('.chart [aria-label$=" unfused"]').count()).toBe(5)
    expect(said).toEqual([])
    await page.close()
  })

  it('sorts and filters its table', async () => {
    const {page} = await open(sample())
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
    const {page, said} = await open(sample({model: 'transformer', machine: cpu, options: {batch: 32}}), {
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
    const {page} = await open(sample())
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

  it('computes again when a control changes, everywhere, and returns to its document', async () => {
    const {page, said} = await open(sample())
    const firstTable = () => page.locator('#operators tbody').textContent()
    const dots = () =>
      page
        .locator('.chart[data-view=roofline] [aria-roledescription=point]')
        .evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')).sort())
    const before = {table: await firstTable(), dots: await dots(), answer: await page.locator('#answer').innerText()}
    await page.getByLabel('Phase', {exact: true}).selectOption('decode')
    await page.getByLabel('Batch', {exact: true}).fill('8')
    await expect.poll(() => page.locator('h1 + .lead').innerText()).toContain('decode · batch 8')
    const expected = sample({options: {phase: 'decode', batch: 8}}).result
    await expect.poll(() => page.locator('#answer').innerText()).toContain('Memory: 100.0')
    for (const op of expected.operators) await expect.poll(() => dot(page, op.id).count()).toBe(1)
    await expect.poll(firstTable).not.toBe(before.table)
    await expect.poll(() => page.url()).toMatch(/#phase=decode&batch=8$/)
    expect(await page.locator('.recomputed').innerText()).toContain('Recomputed here')
    const html = await page.content()
    expect(await extractDocument(html)).toEqual(sample())
    await page.locator('.recomputed button').click()
    await expect.poll(dots).toEqual(before.dots)
    await expect.poll(firstTable).toBe(before.table)
    await expect.poll(() => page.url()).not.toContain('#')
    expect(said).toEqual([])
    await page.close()
  })

  it('opens at the state of its address, and says why a value makes no sense', async () => {
    const {page, said} = await open(
      sample(),
      undefined,
      undefined,
      {},
      '#machine=mi300x&weights=int8&batch=64&nonsense=1',
    )
    expect(await page.locator('h1').innerText()).toContain('MI300X')
    await page.getByLabel('Tensor parallel', {exact: true}).fill('3')
    await expect.poll(() => page.locator('#controls [role=alert]').innerText()).toMatch(/3/)
    expect(await page.locator('h1').innerText()).toContain('MI300X')
    expect(said).toEqual([])
    await page.close()
  })

  it('carries what a reader has chosen in its address, and opens with it again', async () => {
    const {page, said} = await open(sample())
    await page.locator('tr[data-id="layers.attn.rope"]').click()
    await page.getByLabel(/^fp8\/int8 matrix/).check()
    await page.getByRole('checkbox', {name: 'Attention'}).uncheck()
    await page.getByRole('searchbox', {name: 'Find an operator in the chart'}).fill('mlp')
    await page.getByLabel('Memory level').selectOption('DRAM')
    await page.getByLabel('A bar for each').selectOption('class')
    await page.getByRole('button', {name: 'Zoom in'}).click()
    await page.locator('#operators thead button', {hasText: /^FLOP\/B/}).click()
    await page.getByRole('searchbox', {name: /operators/}).fill('layers')
    await page.getByRole('button', {name: /^Switch to the dark/}).click()
    await page.getByLabel('Batch', {exact: true}).fill('4')
    await page.locator('nav a', {hasText: 'Memory'}).first().click()
    await expect
      .poll(() => page.url())
      .toMatch(/batch=4&pick=layers\.attn\.rope&zoom=[\d.e+_]+&level=DRAM.*&at=memory$/)
    const ticks = (at: Page) => at.locator('.chart[data-view=roofline] .role-axis-label text').allTextContents()
    const rows = (at: Page) =>
      at.locator('#operators tbody tr').evaluateAll((all) => all.map((e) => e.getAttribute('data-id')))
    const [shown, listed] = [await ticks(page), await rows(page)]
    const address = page.url()
    await page.close()

    const again = await context.newPage()
    again.on('console', (message) => said.push(message.text()))
    again.on('pageerror', (error) => said.push(error.message))
    await again.goto(address)
    await again.waitForSelector('html[data-ready]')
    expect(await again.locator('h1 + .lead').innerText()).toContain('batch 4')
    expect(await again.locator('#operators tr[aria-selected=true]').getAttribute('data-id')).toBe('layers.attn.rope')
    expect(await again.getByRole('checkbox', {name: /^fp8\/int8 matrix/}).isChecked()).toBe(true)
    expect(await again.getByRole('checkbox', {name: 'Attention'}).isChecked()).toBe(false)
    expect(await again.getByRole('searchbox', {name: 'Find an operator in the chart'}).inputValue()).toBe('mlp')
    expect(await again.getByLabel('Memory level').inputValue()).toBe('DRAM')
    expect(await again.getByLabel('A bar for each').inputValue()).toBe('class')
    expect(await again.locator('#operators th[aria-sort=descending]').textContent()).toContain('FLOP/B')
    expect(await again.getByRole('searchbox', {name: /operators/}).inputValue()).toBe('layers')
    expect(await rows(again)).toEqual(listed)
    expect(await ticks(again)).toEqual(shown)
    expect(await again.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    expect(await again.evaluate(() => scrollY)).toBeGreaterThan(500)
    expect(again.url()).toBe(address)
    // an address that somebody edits is followed, and one without anything is the page as it was written
    await again.evaluate(() => {
      location.hash = 'find=norm&hide=matrix'
    })
    await expect.poll(() => again.getByRole('checkbox', {name: 'Matrix product'}).isChecked()).toBe(false)
    await expect.poll(() => again.locator('h1 + .lead').textContent()).toContain('batch 1 ')
    expect(await again.getByRole('searchbox', {name: /operators/}).inputValue()).toBe('')
    // what nobody sees is drawn when it comes near
    await again.locator('#roofline').scrollIntoViewIfNeeded()
    await expect.poll(() => ticks(again)).not.toEqual(shown)
    expect(said).toEqual([])
    await again.close()
  })

  it.each([
    '#pick=<img src=x onerror=alert(1)>&zoom=NaN_1_1_1&level=__proto__&on=constructor&sort-operators=nothing&at=page',
    `#find=${'%'.repeat(300)}&filter-operators=${'('.repeat(9000)}&batch=-1&theme=x&bars=toString`,
    '#=&&==%00&zoom=1e-29_1e29_1e-29_1e29&tp=1e9&hide=',
  ])('opens with the hostile address %#', async (hash) => {
    const {page, said, asked} = await open(sample(), undefined, undefined, {}, hash)
    expect(await page.locator('.chart[data-view=roofline] svg').count()).toBe(1)
    expect(await page.locator('h1').innerText()).toBe('Llama 3 8B on NVIDIA H100 SXM5 80 GB')
    expect(await page.locator('img').count()).toBe(0)
    expect(said).toEqual([])
    expect(asked()).toEqual([])
    await page.close()
  })

  it('says what live controls need where the model is not known', async () => {
    const document = sample()
    const foreign = {
      ...document,
      result: {...document.result, model: {...document.result.model, id: 'my-model', name: '<i>mine</i>'}},
    }
    const {page, said} = await open(foreign)
    expect(await page.locator('#controls').innerText()).toContain('<i>mine</i>')
    expect(await page.locator('#controls').innerText()).toContain('--report')
    expect(said).toEqual([])
    await page.close()
  })

  it('computes again for a model that only the page knows', async () => {
    const own = {...models['llama-3-8b'], id: 'my-model', name: 'Mine'}
    const document = sample()
    const {result} = document
    const {page} = await open(
      {...document, result: {...result, model: {...result.model, id: own.id, name: own.name}}},
      undefined,
      undefined,
      {model: own},
    )
    await page.getByRole('button', {name: '×2 Batch'}).click()
    await expect.poll(() => page.locator('h1 + .lead').innerText()).toContain('batch 2')
    expect(await page.locator('h1').innerText()).toContain('Mine')
    await page.close()
  })

  it('zooms by keyboard and by a box', async () => {
    const {page, said} = await open(sample())
    const ticks = () => page.locator('.chart[data-view=roofline] .role-axis-label text').allInnerTexts()
    const before = await ticks()
    const chart = page.locator('.chart[data-view=roofline]')
    await chart.focus()
    await page.keyboard.press('+')
    await page.keyboard.press('ArrowRight')
    await expect.poll(ticks).not.toEqual(before)
    await page.keyboard.press('0')
    await expect.poll(ticks).toEqual(before)
    const box = (await chart.boundingBox())!
    await page.keyboard.down('Shift')
    await page.mouse.move(box.x + 400, box.y + 100)
    await page.mouse.down()
    await page.mouse.move(box.x + 600, box.y + 250, {steps: 3})
    await page.mouse.up()
    await page.keyboard.up('Shift')
    await expect.poll(ticks).not.toEqual(before)
    await expect.poll(() => page.locator('.box').isVisible()).toBe(false)
    expect(said).toEqual([])
    await page.close()
  })

  it('finds, isolates, and shows one memory level or all of one operator', async () => {
    const {page, said} = await open(sample({model: 'transformer', machine: cpu, options: {batch: 32}}))
    const points = page.locator('.chart[data-view=roofline] [aria-roledescription=point]')
    const all = await points.count()
    await page.getByRole('searchbox', {name: 'Find an operator in the chart'}).fill('mlp.act')
    await expect
      .poll(() =>
        page
          .locator(
            '.chart[data-view=roofline] [aria-roledescription=point][opacity="0.92"], .chart[data-view=roofline] [aria-roledescription=point]:not([opacity])',
          )
          .count(),
      )
      .toBeLessThan(all)
    await page.getByRole('searchbox', {name: 'Find an operator in the chart'}).fill('')
    await page.locator('tr[data-id="layers.mlp.up"]').click()
    await page.getByLabel('Every level of the picked operator').check()
    await expect
      .poll(() => page.locator('.chart[data-view=roofline] [aria-label="DRAM = L3 = L2 = L1"]').count())
      .toBe(1)
    await page.getByLabel('Only the picked operator').check()
    await expect.poll(() => points.count()).toBeLessThan(4)
    await page.getByLabel('Only the picked operator').uncheck()
    await page.getByLabel('Memory level').selectOption('L2')
    await expect.poll(() => page.locator('.chart[data-view=roofline] [aria-label^="L3 "]').count()).toBe(0)
    await expect.poll(() => page.locator('.chart[data-view=roofline] [aria-label^="L2 "]').count()).toBe(1)
    expect(said).toEqual([])
    await page.close()
  })

  it('sums the time by layer, kind and class', async () => {
    const {page} = await open(sample())
    const bars = () =>
      page
        .locator('.chart[data-view=time] [aria-roledescription=bar]')
        .evaluateAll((all) => all.map((bar) => bar.getAttribute('aria-label')))
    await page.getByLabel('A bar for each').selectOption('class')
    await page.locator('#time').scrollIntoViewIfNeeded()
    await expect.poll(async () => (await bars()).join()).toMatch(/Matrix product: 8\d/)
    expect((await bars()).length).toBeLessThanOrEqual(5)
    await page.close()
  })

  it('saves every chart as SVG and as PNG', async () => {
    const {page, said} = await open(sample())
    for (const id of ['roofline', 'time', 'throughput', 'tiles']) {
      for (const [kind, starts] of [
        ['SVG', '<svg'],
        ['PNG', '\x89PNG'],
      ] as const) {
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page
            .locator(`#${id}`)
            .getByRole('button', {name: `Save ${kind} of`})
            .click(),
        ])
        expect(download.suggestedFilename()).toBe(`${id}.${kind.toLowerCase()}`)
        expect(readFileSync((await download.path())!, 'latin1').slice(0, 4)).toBe(starts)
      }
    }
    const [csv] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('#operators').getByRole('button', {name: 'Save CSV'}).click(),
    ])
    expect(readFileSync((await csv.path())!, 'utf8').split('\r\n')[0]).toMatch(/^operator,share/)
    expect(said).toEqual([])
    await page.close()
  })

  it('shows what each pass of compression changed', async () => {
    const {page, said} = await open(sample({options: {phase: 'decode', prune: 'heads:0.5,2:4', quantize: 'w4g128'}}))
    const rows = await page.locator('#compression tbody tr').allTextContents()
    expect(rows.map((row) => /^[a-z-]+/.exec(row)![0])).toEqual(['prune-heads', 'prune-weights', 'quantize'])
    for (const row of rows) expect(row.match(/ → /g)).toHaveLength(7)
    expect(said).toEqual([])
    await page.close()
  })

  it('compares with the document before, live', async () => {
    const before = sample()
    const {page, said} = await open(sample({options: {weightsDtype: 'int8', fusion: 'all'}}), undefined, undefined, {
      before,
    })
    await expect(page.locator('#comparison svg').count()).resolves.toBe(1)
    expect(await page.locator('#comparison tbody tr').count()).toBeGreaterThan(40)
    const summary = () => page.locator('#comparison figcaption').textContent()
    const first = await summary()
    await page.getByRole('button', {name: '×2 Batch'}).click()
    await expect.poll(summary).not.toBe(first)
    expect(said).toEqual([])
    await page.close()
  })

  it('shows the sweep of a measured machine, and measured runs with what they could reach', async () => {
    const sweep = [4096, 32768, 1 << 20, 1 << 26].map((bytes, i) => ({bytes, bytesPerSecond: 4e11 / 3 ** i}))
    const caches = [
      {level: 'L1', claimed: 32768, found: 32768},
      {level: 'L2', claimed: 1 << 20, found: null},
    ]
    const curve = [1, 2, 3].map((seconds) => ({seconds, flopsPerSecond: 2.4e11 - seconds * 1e10, clockHz: 3e9}))
    const sustained = {seconds: 3, curve, peak: 2.3e11, remains: 2.1e11}
    const machine = {...cpu, identity: {sweep, caches, sustained}}
    const run = {
      id: 'gemm',
      op: 'matmul',
      dims: {m: 64},
      dtype: 'f32',
      threads: 2,
      flops: 1,
      bytes: 1,
      seconds: {median: 1, min: 1, max: 1, cv: 0},
      flopsPerSecond: 1e11,
      bytesPerSecond: 1,
      intensity: 32,
      bound: 'fma-f32',
      attainable: 2.36e11,
      efficiency: 0.42,
      efficiencyMedian: 0.4,
      maxError: 0,
      verdict: 'ok',
    } as const
    const {page, said} = await open(sample({model: 'transformer', machine}), undefined, undefined, {
      machines: [machine],
      runs: [run],
    })
    await expect(page.locator('#caches [aria-roledescription=point]').count()).resolves.toBe(4)
    expect(await page.locator('#caches').textContent()).toContain('L1 found: 32 KiB')
    await expect(page.locator('#sustained [aria-roledescription=point]').count()).resolves.toBe(3)
    expect(await page.locator('#sustained').textContent()).toContain('remains: 210 GFLOP/s')
    expect(await page.locator('.chart[data-view=roofline] [aria-label^="measured gemm 64 f32"]').count()).toBe(1)
    expect(said).toEqual([])
    await page.close()
  })

  it.each(['light', 'dark'] as const)('has nothing that axe calls serious, %s', async (colorScheme) => {
    const {page} = await open(sample({options: {against: [machines.mi300x]}}), undefined, undefined, {
      before: sample({options: {batch: 4}}),
    })
    await page.emulateMedia({colorScheme})
    await page.waitForTimeout(200)
    // the page's policy forbids what is not its own: axe comes in through the debugger, which no policy binds
    await page.evaluate(readFileSync(join(root, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8'))
    const found = await page.evaluate(async () => {
      const {axe} = globalThis as unknown as {
        axe: {run(): Promise<{violations: {id: string; impact: string; nodes: {html: string}[]}[]}>}
      }
      const {violations} = await axe.run()
      return violations
        .filter(({impact}) => impact === 'serious' || impact === 'critical')
        .map(
          ({id, nodes}) =>
            `${id}: ${nodes
              .slice(0, 3)
              .map((node) => node.html.slice(0, 120))
              .join(' | ')}`,
        )
    })
    expect(found).toEqual([])
    await page.close()
  })

  it.each(readdirSync(examples).filter((name) => name.endsWith('.html')))('opens the example %s', async (name) => {
    const file = join(examples, name)
    expect(statSync(file).size).toBeLessThan(1_200_000)
    const page = await context.newPage()
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

  it('draws measured points: beside their operators, and on a page of their own', async () => {
    const document = sample()
    const [op] = document.result.operators.filter(({id}) => id === 'layers.mlp.up')
    const machine = machines['h100-sxm']
    const seconds = 3 * op!.time.lower
    const point = {name: 'layers.mlp.up', flops: null, bytes: null, seconds}
    const joined = place([point], machine, {join: document.result}).result
    const triangle = (page: Page, name: string) =>
      page.locator(`.chart[data-view=roofline] [aria-label^="measured ${name}:"]`)

    const first = await open(document, undefined, undefined, {placement: joined})
    expect(await triangle(first.page, 'layers.mlp.up').count()).toBe(1)
    const row = first.page.locator('#measured tbody tr')
    expect(await row.textContent()).toMatch(/layers\.mlp\.up.*33\.3 %/s)
    await row.click()
    expect(await first.page.locator('#operators tr[data-id="layers.mlp.up"]').getAttribute('aria-selected')).toBe(
      'true',
    )
    expect(first.said).toEqual([])
    await first.page.close()

    const name = '</script><b>x</b>'
    const {result, warnings} = place([{name, flops: 1e12, bytes: 1e9, seconds: 0.01}], machine, {dtype: 'bf16'})
    const alone = {schema: 'ridgepoint/placement@1', ok: true, result, warnings}
    const second = await open(alone as never)
    expect(await second.page.title()).toBe(`${name} on NVIDIA H100 SXM5 80 GB · Ridgepoint`)
    expect(await triangle(second.page, name).count()).toBe(1)
    expect(await second.page.locator('#measured tbody tr').textContent()).toContain(name)
    expect(await second.page.locator('#controls, #operators, #memory').count()).toBe(0)
    expect(second.said).toEqual([])
    expect(second.asked()).toEqual([])
    await second.page.close()
  })

  it('draws measured pairs: what fusing took away, and what the roof said', async () => {
    const side = (id: string, seconds: number) => ({
      ...{id, op: id, dims: {rows: 2}, dtype: 'f32', threads: 1, flops: 8, bytes: 400, maxError: 0},
      seconds: {min: seconds, median: seconds, max: seconds, cv: 0},
      ...{flopsPerSecond: 8, bytesPerSecond: 400, intensity: 0.02, bound: 'x', attainable: 9, efficiency: 0.9},
      ...{efficiencyMedian: 0.9, verdict: 'ok' as const},
    })
    const pair: FusedPair = {
      id: 'bias+gelu',
      dims: {rows: 2},
      unfused: {...side('bias, gelu', 2e-3), parts: ['bias', 'gelu']},
      fused: {...side('bias+gelu', 1e-3), bytes: 200},
      ...{bytesSaved: 200, speedup: 2, predictedSpeedup: 1.8},
    }
    const {page, said} = await open(sample(), undefined, undefined, {pairs: [pair]})
    await page.waitForSelector('html[data-ready]')
    const marks = page.locator('#pairs .chart [aria-label]')
    expect(await marks.evaluateAll((all) => all.map((mark) => mark.getAttribute('aria-label')))).toEqual(
      expect.arrayContaining(['400 B → 200 B', '2 ms → 1 ms']),
    )
    expect(await page.locator('#pairs').textContent()).toContain('bias+gelu 2 (2 times faster)')
    expect(said).toEqual([])
    await page.close()
  })

  it('says what is wrong with a document that was edited by hand', async () => {
    const broken = (html: string) => html.replace('"operators":[', '"operatorz":[')
    const file = join(folder, 'broken.html')
    writeFileSync(file, broken(await renderHtml(template, sample())))
    const page = await context.newPage()
    await page.goto(pathToFileURL(file).href)
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('result.operators')
    await page.close()
  })

  it('gives its document back from what the browser saved', async () => {
    const document = sample()
    const {page} = await open(document)
    const html = await page.content()
    expect(await extractDocument(html)).toEqual(document)
    await page.close()
  })
})
