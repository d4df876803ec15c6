/** Pages of two measured documents, in a browser: profiles, and points. */

import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {extractDocument} from '../../reports/html.ts'
import {describePage, serious} from './browser.ts'
import {points, profile} from './compared.ts'

/** Text of the page, its unbreakable spaces as any other. */
const textOf = async (page: Page, selector: string) =>
  (await page.locator(selector).innerText()).replaceAll('\u00a0', ' ')

describePage('pages of two measured documents', (browser) => {
  it('two profiles: what changed in words, lines before and after with an arrow, and a table', async () => {
    const [before, after] = [profile(), profile({dram: 0.6, 'fma-f32': 1.2, l2: 1.001}, 'After')]
    const {page, said, asked} = await browser.open(after, undefined, undefined, {before})
    const answer = await textOf(page, '#answer')
    expect(answer).toContain('2 of 7 figures changed beyond their noise')
    expect(answer).toMatch(/What got worse\s*40.0 % lower dram: 38 GB\/s → 22.8 GB\/s/)
    expect(answer).toMatch(/What got better\s*20.0 % higher fma-f32/)
    const chart = page.locator('#profiles .chart')
    const texts = await chart.locator('text').allTextContents()
    expect(texts).toContain('DRAM 38 → 22.8 GB/s, −40.0 %')
    expect(texts).toContain('f32 vector 236 → 283 GFLOP/s, +20.0 %')
    expect(texts.some((text) => text.startsWith('L1 900'))).toBe(true)
    expect(texts.join('\n')).not.toMatch(/L1.*→|undefined|NaN/)
    // the dashed line of each that changed
    const dashed = await chart.locator('line[stroke-dasharray="4,4"]').count()
    expect(dashed).toBe(2)
    // the arrow of the bandwidth points down, that of the peak up, by their pixels
    const heads = await chart
      .locator('path[transform*="rotate"]')
      .evaluateAll((all) =>
        all
          .filter((e) => getComputedStyle(e).opacity !== '0' && e.getAttribute('opacity') !== '0')
          .map((e) => /rotate\((-?\d+)/.exec(e.getAttribute('transform') ?? '')?.[1]),
      )
    expect(heads).toContain('180')
    const table = page.locator('#profiles table')
    expect(await table.locator('tbody tr').count()).toBe(7)
    expect(await textOf(page, '#profiles table')).toMatch(
      /dram\s+value\s+38 GB\/s\s+22.8 GB\/s\s+0.6 ×\s+−15.2 GB\/s\s+● yes: beyond 2.83 %/,
    )
    await table.getByRole('button', {name: /After ÷ before/}).click()
    await expect.poll(() => table.locator('tbody tr').first().innerText()).toContain('fma-f32')
    expect(await page.locator('#roofline .chart svg').count()).toBe(1)
    expect(await extractDocument(await page.content())).toEqual(after)
    expect(await serious(page)).toEqual([])
    expect([said, asked()]).toEqual([[], []])
    await page.close()
  })

  it('two sets of points: signs hollow before and solid after, arrows only beyond the noise', async () => {
    const [before, after] = [points(), points({'gemm 2048': 1.4, 'softmax 4096': 0.5, 'gelu 1e6': 1.01})]
    const {page, said} = await browser.open(after, {width: 390, height: 844}, undefined, {before})
    const answer = await textOf(page, '#answer')
    expect(answer).toContain('2 of 4 times changed beyond their noise, 1 faster and 1 slower')
    expect(answer).toMatch(/2 times as long softmax 4096/)
    const marks = page.locator('#timings .chart [aria-roledescription=point]')
    expect(await marks.evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')))).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^gemm 2048: 6.67 ms → 4.76 ms, 28.6 % shorter/),
        expect.stringMatching(/^gelu 1e6: .*within 2.83 % \(noise\)/),
      ]),
    )
    const texts = await page.locator('#timings .chart text').allTextContents()
    const names = texts.filter((text) => /^(gemm|softmax|gelu) /.test(text))
    expect([...new Set(names)].sort()).toEqual(['gemm 2048', 'softmax 4096'])
    expect(await page.locator('#timings tbody tr').count()).toBe(4)
    expect(await page.locator('#measured tbody tr').count()).toBe(4)
    // the page is no wider than the telephone
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    expect(await serious(page)).toEqual([])
    expect(said).toEqual([])
    await page.close()
  })

  it('a profile alone: its roof and every ceiling', async () => {
    const {page, said} = await browser.open(profile())
    expect(await page.locator('h1').innerText()).toBe('Test CPU')
    expect(await page.locator('#profiles, #answer').count()).toBe(0)
    expect(await page.locator('#machine tbody tr').count()).toBe(7)
    expect(await textOf(page, '#roofline .described')).toContain('236 GFLOP/s')
    expect(said).toEqual([])
    await page.close()
  })
})
