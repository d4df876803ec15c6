import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {extractDocument} from '../../reports/html.ts'
import {models} from '../../src/analysis/models/index.ts'
import {describePage, dot} from './browser.ts'
import {sample} from './support.ts'

describePage('the live page in a browser', (browser) => {
  it('computes again when a control changes, everywhere, and returns to its document', async () => {
    const {page, said} = await browser.open(sample())
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
    const {page, said} = await browser.open(
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

  it('goes back and forward through what was computed, and out of an address that makes no sense', async () => {
    const {page, said} = await browser.open(sample(), undefined, undefined, {}, '#batch=-1')
    const problem = () => page.locator('#controls [role=alert]').innerText()
    const lead = () => page.locator('h1 + .lead').innerText()
    expect(await problem()).toBe('Batch takes a whole number of at most ten digits, not "-1"')
    await page.getByLabel('Batch', {exact: true}).fill('64')
    await expect.poll(() => page.url()).toMatch(/#batch=64$/)
    await page.getByLabel('Fusion', {exact: true}).selectOption('all')
    await expect.poll(() => page.url()).toMatch(/#batch=64&fusion=all$/)
    // how the page is looked at is no step
    await page.getByLabel('A bar for each').selectOption('class')
    await expect.poll(() => page.url()).toMatch(/&bars=class$/)
    await page.goBack()
    await expect.poll(lead).toMatch(/batch 64.*fusion attention/)
    expect(await page.getByLabel('Fusion', {exact: true}).inputValue()).toBe('attention')
    await page.goBack()
    await expect.poll(problem).toContain('"-1"')
    await page.goForward()
    await expect.poll(problem).toBe('')
    await page.goForward()
    await expect.poll(lead).toMatch(/batch 64.*fusion all/)
    expect(await page.getByLabel('A bar for each').inputValue()).toBe('class')
    expect(said).toEqual([])
    await page.close()
  })

  it('carries what a reader has chosen in its address, and opens with it again', async () => {
    const {page, said} = await browser.open(sample())
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

    const again = await browser.context.newPage()
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

  it('says what live controls need where the model is not known', async () => {
    const document = sample()
    const foreign = {
      ...document,
      result: {...document.result, model: {...document.result.model, id: 'my-model', name: '<i>mine</i>'}},
    }
    const {page, said} = await browser.open(foreign)
    expect(await page.locator('#controls').innerText()).toContain('<i>mine</i>')
    expect(await page.locator('#controls').innerText()).toContain('--report')
    expect(said).toEqual([])
    await page.close()
  })

  it('computes again for a model that only the page knows', async () => {
    const own = {...models['llama-3-8b'], id: 'my-model', name: 'Mine'}
    const document = sample()
    const {result} = document
    const {page} = await browser.open(
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

  it('compares with the document before, live', async () => {
    const before = sample()
    const {page, said} = await browser.open(
      sample({options: {weightsDtype: 'int8', fusion: 'all'}}),
      undefined,
      undefined,
      {
        before,
      },
    )
    await expect(page.locator('#comparison svg').count()).resolves.toBe(1)
    // totals, and three figures of every operator; a kernel stands beside the operators it was made of
    expect(await page.locator('#comparison tbody tr').count()).toBeGreaterThan(30)
    expect(await page.locator('#comparison .became').first().innerText()).toMatch(/^(before|after): \S+, \S+/)
    expect(await page.locator('#comparison tbody').innerText()).not.toMatch(/only (before|after)/)
    const summary = () => page.locator('#comparison figcaption').textContent()
    const first = await summary()
    await page.getByRole('button', {name: '×2 Batch'}).click()
    await expect.poll(summary).not.toBe(first)
    expect(said).toEqual([])
    await page.close()
  })
})
