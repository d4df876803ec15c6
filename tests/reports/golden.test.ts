import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import type {Page} from 'playwright-core'
import {beforeAll, expect, it} from 'vitest'
import {renderHtml} from '../../reports/html.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {type Browser, describePage} from './browser.ts'
import {type GoldenPage, goldenPages} from './golden-pages.ts'
import {differing, scaled} from './pictures.ts'
import {sample} from './support.ts'

/*
 * Pages as pictures that somebody has looked at. `npm run golden` takes them again: look at each before committing it.
 * Fonts and their smoothing differ between systems, so both pictures are averaged over cells and the cells are compared: a chart, a
 * colour or a section that is gone or elsewhere shows, the edge of a letter does not.
 */
const folder = join(import.meta.dirname, 'goldens')
const write = process.env.RIDGEPOINT_GOLDEN === 'write'

/** px of a golden's side for one of the page: small files, still readable */
const SCALE = 0.5
/** px of a golden that one cell averages, each way */
const CELL = 12
/** levels of 255 by which a cell may differ before it counts */
const NEAR = 10
/** share of cells that may differ by more */
const MOST = 0.05

interface Taken {
  readonly width: number
  readonly height: number
  readonly theme: 'light' | 'dark'
}

const sizes = [
  {width: 360, height: 3000},
  {width: 1280, height: 1900},
  {width: 3840, height: 1800},
]

/** What the first page shows, taken in every size and theme; the others only as their readers mostly have them. */
const first: GoldenPage = {
  document: sample({options: {phase: 'decode', batch: 8, against: [machines.mi300x]}}),
  views: [],
}
const all: Readonly<Record<string, GoldenPage>> = {page: first, ...goldenPages}
const cases = Object.keys(all).flatMap((name) => {
  const taken: Taken[] =
    name === 'page'
      ? sizes.flatMap((size) => (['light', 'dark'] as const).map((theme) => ({...size, theme})))
      : [
          {width: 1280, height: 1500, theme: 'light'},
          {width: 360, height: 1500, theme: 'dark'},
        ]
  return taken.map((each) => ({name, ...each}))
})

/** A picture of a page that is open already, at the size of goldens. */
async function shotOf(page: Page, tool: Page, width: number, part?: string): Promise<string> {
  // charts that come near are drawn behind the next frames
  if (part !== undefined) await page.locator(part).scrollIntoViewIfNeeded()
  await page.waitForTimeout(300)
  const shot = await (part === undefined ? page.screenshot() : page.locator(part).screenshot())
  return tool.evaluate(scaled, {data: shot.toString('base64'), scale: width > 2000 ? SCALE / 2 : SCALE})
}

/** Opens a page as its reader with this screen and theme has it. */
async function open(browser: Browser, name: string, {width, height, theme}: Taken): Promise<Page> {
  const page = await browser.context.newPage()
  await page.emulateMedia({colorScheme: theme})
  await page.setViewportSize({width, height})
  await page.goto(pathToFileURL(join(browser.folder, `${name}.html`)).href)
  await page.waitForSelector('html[data-ready]')
  return page
}

describePage('pages as they were reviewed', (browser) => {
  let tool: Page

  beforeAll(async () => {
    mkdirSync(folder, {recursive: true})
    for (const [name, {document, extras}] of Object.entries(all)) {
      writeFileSync(join(browser.folder, `${name}.html`), await renderHtml(browser.template, document, extras))
    }
    tool = await browser.context.newPage()
  }, 120_000)

  async function picture(name: string, taken: Taken): Promise<string> {
    const page = await open(browser, name, taken)
    const shot = await shotOf(page, tool, taken.width, all[name]!.part)
    await page.close()
    return shot
  }

  const apart = (a: string, b: string) => tool.evaluate(differing, {a, b, cell: CELL, near: NEAR})

  it.each(cases)('$name, $width px wide, $theme', async ({name, ...taken}) => {
    const file = join(folder, `${name}-${taken.width}-${taken.theme}.png`)
    const shot = await picture(name, taken)
    if (write) writeFileSync(file, Buffer.from(shot, 'base64'))
    const far = await apart(shot, readFileSync(file).toString('base64'))
    expect(far).toBeTypeOf('number')
    expect(far).toBeLessThan(MOST)
  })

  it('would see the other theme, and a page without its charts', async () => {
    const size = {width: 1280, height: 1900}
    const light = await picture('page', {...size, theme: 'light'})
    const dark = await picture('page', {...size, theme: 'dark'})
    expect(await apart(light, dark)).toBeGreaterThan(0.5)
    const page = await open(browser, 'page', {...size, theme: 'light'})
    await page.evaluate(() => document.querySelector('.chart')!.remove())
    const without = await shotOf(page, tool, size.width)
    await page.close()
    expect(await apart(light, without)).toBeGreaterThan(MOST)
  })
})
