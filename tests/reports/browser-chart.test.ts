import {readFileSync} from 'node:fs'
import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import type {FusedPair} from '../../src/analysis/document/bench.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {place} from '../../src/analysis/place.ts'
import {describePage, dot} from './browser.ts'
import {cpu, sample} from './support.ts'

describePage('the charts in a browser', (browser) => {
  it('links rows and dots both ways, by pointer and by keyboard', async () => {
    const {page} = await browser.open(sample())
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
    const {page} = await browser.open(sample())
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
    const {page, said} = await browser.open(sample())
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
    const {page, said} = await browser.open(sample())
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

  it('zooms by keyboard and by a box', async () => {
    const {page, said} = await browser.open(sample())
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
    const {page, said} = await browser.open(sample({model: 'transformer', machine: cpu, options: {batch: 32}}))
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
    const {page} = await browser.open(sample())
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
    const {page, said} = await browser.open(sample())
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
    const {page, said} = await browser.open(
      sample({options: {phase: 'decode', prune: 'heads:0.5,2:4', quantize: 'w4g128'}}),
    )
    const rows = await page.locator('#compression tbody tr').allTextContents()
    expect(rows.map((row) => /^[a-z-]+/.exec(row)![0])).toEqual(['prune-heads', 'prune-weights', 'quantize'])
    for (const row of rows) expect(row.match(/ → /g)).toHaveLength(7)
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
    const {page, said} = await browser.open(sample({model: 'transformer', machine}), undefined, undefined, {
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

  it('draws measured points: beside their operators, and on a page of their own', async () => {
    const document = sample()
    const [op] = document.result.operators.filter(({id}) => id === 'layers.mlp.up')
    const machine = machines['h100-sxm']
    const seconds = 3 * op!.time.lower
    const point = {name: 'layers.mlp.up', flops: null, bytes: null, seconds}
    const joined = place([point], machine, {join: document.result}).result
    const triangle = (page: Page, name: string) =>
      page.locator(`.chart[data-view=roofline] [aria-label^="measured ${name}:"]`)

    const first = await browser.open(document, undefined, undefined, {placement: joined})
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
    const {result, warnings} = place([{name, flops: 1e12, bytes: 1e9, seconds: 0.01}], machine, {dtype: 'int8'})
    const alone = {schema: 'ridgepoint/placement@1', ok: true, result, warnings}
    const second = await browser.open(alone as never)
    expect(await second.page.title()).toBe(`${name} on NVIDIA H100 SXM5 80 GB · Ridgepoint`)
    expect(await triangle(second.page, name).count()).toBe(1)
    expect(await second.page.locator('#measured tbody tr').textContent()).toContain(name)
    // of integers: achieved and attainable, and the peak in the words of the chart
    expect(await second.page.locator('#measured tbody tr').textContent()).toMatch(/100 TOP\/s1\.98 POP\/s/)
    expect(await second.page.locator('#roofline .described').innerText()).toMatch(/under a peak of 1\.98\sPOP\/s/)
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
    const {page, said} = await browser.open(sample(), undefined, undefined, {pairs: [pair]})
    await page.waitForSelector('html[data-ready]')
    const marks = page.locator('#pairs .chart [aria-label]')
    expect(await marks.evaluateAll((all) => all.map((mark) => mark.getAttribute('aria-label')))).toEqual(
      expect.arrayContaining([
        'bias+gelu 2: 400 B → 200 B',
        'bias+gelu 2: 2 times faster, by the roof 1.8 times faster; medians 2 ms and 1 ms over the whole run',
      ]),
    )
    expect(await page.locator('#pairs').textContent()).toContain('bias+gelu 2 (2 times faster)')
    // on a phone a name stands above its rows, not left of them: they had a fifth of the width
    const chart = page.locator('#pairs .chart')
    const names = chart.locator('text', {hasText: /^bias\+gelu 2$/})
    const plot = () => chart.locator('svg .background').first().boundingBox()
    expect((await names.boundingBox())!.x).toBeLessThan((await plot())!.x)
    await page.setViewportSize({width: 390, height: 844})
    await page.waitForFunction(() => document.querySelector<SVGElement>('#pairs .chart svg')!.clientWidth < 390)
    const [name, rows] = [(await names.boundingBox())!, (await plot())!]
    expect(rows.width).toBeGreaterThan(0.8 * 340)
    expect(name.x).toBeGreaterThanOrEqual(rows.x)
    expect(name.x + name.width).toBeLessThanOrEqual(rows.x + rows.width)
    expect(said).toEqual([])
    await page.close()
  })

  it('pans very many points: their picture moves with the pointer and is drawn anew where it rests', async () => {
    const seconds = {min: 1, median: 1, max: 1, cv: 0}
    const runs = Array.from({length: 5200}, (_, i) => ({
      ...{
        id: `run${i}`,
        op: 'matmul',
        dims: {m: i},
        dtype: 'f32',
        threads: 1,
        flops: 1,
        bytes: 1,
        seconds,
        maxError: 0,
      },
      ...{flopsPerSecond: 1e12 + i * 1e9, bytesPerSecond: 1, intensity: 1 + i / 10, bound: null, attainable: 2e13},
      ...{efficiency: 0.5, efficiencyMedian: 0.5, verdict: 'ok' as const},
    }))
    const {page, said} = await browser.open(sample(), undefined, undefined, {runs})
    const chart = page.locator('.chart[data-view=roofline]')
    await page.evaluate(() => document.querySelector('#roofline')!.scrollIntoView())
    const canvas = chart.locator('canvas')
    expect(await canvas.count()).toBe(1)
    const box = (await chart.boundingBox())!
    await page.mouse.move(box.x + 600, box.y + 200)
    await page.mouse.down()
    await page.mouse.move(box.x + 500, box.y + 230, {steps: 4})
    expect(await canvas.evaluate((element) => element.style.transform)).toBe('translate(-100px, 30px)')
    await page.mouse.up()
    await expect.poll(() => canvas.evaluate((element) => element.style.transform), {timeout: 10_000}).toBe('')
    await expect.poll(() => page.url(), {timeout: 10_000}).toMatch(/zoom=/)
    expect(said).toEqual([])
    await page.close()
  })
})
