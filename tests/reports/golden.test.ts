import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type BrowserContext, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {renderHtml} from '../../reports/html.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {buildTemplate, sample} from './support.ts'

/*
 * The first screens as pictures that somebody has looked at. `npm run golden` takes them again: look at each before committing it.
 * Fonts and their smoothing differ between systems, so both pictures are averaged over cells and the cells are compared: a chart, a
 * colour or a section that is gone or elsewhere shows, the edge of a letter does not.
 */
const folder = join(import.meta.dirname, 'goldens')
const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
const write = process.env.RIDGEPOINT_GOLDEN === 'write'

/** px of a golden's side for one of the page: small files, still readable */
const SCALE = 0.5
/** px of a golden that one cell averages, each way */
const CELL = 12
/** levels of 255 by which a cell may differ before it counts */
const NEAR = 10
/** share of cells that may differ by more */
const MOST = 0.05

const sizes = [
  {width: 360, height: 3000},
  {width: 1280, height: 1900},
  {width: 3840, height: 1800},
]

/** Both pictures in cells; runs in the page, which alone can decode them. */
async function differing({
  a,
  b,
  cell,
  near,
}: {
  a: string
  b: string
  cell: number
  near: number
}): Promise<number | string> {
  const load = async (data: string) => {
    const image = new Image()
    image.src = `data:image/png;base64,${data}`
    await image.decode()
    return image
  }
  const [one, two] = [await load(a), await load(b)]
  if (one.width !== two.width || one.height !== two.height)
    return `${one.width} × ${one.height} px, the golden ${two.width} × ${two.height}`
  const [columns, rows] = [Math.ceil(one.width / cell), Math.ceil(one.height / cell)]
  const cells = (image: HTMLImageElement) => {
    const canvas = new OffscreenCanvas(image.width, image.height)
    const context = canvas.getContext('2d')!
    context.drawImage(image, 0, 0)
    const {data} = context.getImageData(0, 0, image.width, image.height)
    const sums = new Float64Array(columns * rows * 4)
    for (let y = 0; y < image.height; y++) {
      for (let x = 0; x < image.width; x++) {
        const at = 4 * (Math.floor(y / cell) * columns + Math.floor(x / cell))
        for (let c = 0; c < 3; c++) sums[at + c]! += data[4 * (y * image.width + x) + c]!
        sums[at + 3]! += 1
      }
    }
    return sums
  }
  const [first, second] = [cells(one), cells(two)]
  let far = 0
  for (let i = 0; i < columns * rows; i++) {
    const differences = [0, 1, 2].map((c) =>
      Math.abs(first[4 * i + c]! / first[4 * i + 3]! - second[4 * i + c]! / second[4 * i + 3]!),
    )
    if (Math.max(...differences) > near) far++
  }
  return far / (columns * rows)
}

/** A picture at another size, by averaging. */
async function scaled({data, scale}: {data: string; scale: number}): Promise<string> {
  const image = new Image()
  image.src = `data:image/png;base64,${data}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(image.width * scale)
  canvas.height = Math.round(image.height * scale)
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas.toDataURL('image/png').split(',')[1]!
}

describe.runIf(existsSync(executable))('the page as it was reviewed', {timeout: 60_000}, () => {
  let scratch = ''
  let context: BrowserContext
  let tool: Page

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'ridgepoint-golden-'))
    mkdirSync(folder, {recursive: true})
    const document = sample({options: {phase: 'decode', batch: 8, against: [machines.mi300x]}})
    writeFileSync(join(scratch, 'page.html'), await renderHtml(buildTemplate(), document))
    context = await chromium.launchPersistentContext(join(scratch, 'profile'), {
      executablePath: executable,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
    })
    tool = await context.newPage()
  }, 120_000)

  afterAll(async () => {
    await context?.close()
    rmSync(scratch, {recursive: true, force: true})
  })

  async function picture(width: number, height: number, colorScheme: 'light' | 'dark'): Promise<string> {
    const page = await context.newPage()
    await page.emulateMedia({colorScheme})
    await page.setViewportSize({width, height})
    await page.goto(pathToFileURL(join(scratch, 'page.html')).href)
    await page.waitForSelector('html[data-ready]')
    // charts that come near are drawn behind the next frames
    await page.waitForTimeout(300)
    const shot = (await page.screenshot()).toString('base64')
    await page.close()
    return tool.evaluate(scaled, {data: shot, scale: width > 2000 ? SCALE / 2 : SCALE})
  }

  const cases = sizes.flatMap((size) => (['light', 'dark'] as const).map((theme) => ({...size, theme})))

  it.each(cases)('$width px wide, $theme', async ({width, height, theme}) => {
    const file = join(folder, `page-${width}-${theme}.png`)
    const taken = await picture(width, height, theme)
    if (write) writeFileSync(file, Buffer.from(taken, 'base64'))
    const golden = readFileSync(file).toString('base64')
    const far = await tool.evaluate(differing, {a: taken, b: golden, cell: CELL, near: NEAR})
    expect(far).toBeTypeOf('number')
    expect(far).toBeLessThan(MOST)
  })

  it('would see the other theme, and a page without its charts', async () => {
    const light = await picture(1280, 1900, 'light')
    const dark = await picture(1280, 1900, 'dark')
    expect(await tool.evaluate(differing, {a: light, b: dark, cell: CELL, near: NEAR})).toBeGreaterThan(0.5)
    const page = await context.newPage()
    await page.setViewportSize({width: 1280, height: 1900})
    await page.goto(pathToFileURL(join(scratch, 'page.html')).href)
    await page.waitForSelector('html[data-ready]')
    await page.evaluate(() => document.querySelector('.chart')!.remove())
    await page.waitForTimeout(300)
    const shot = (await page.screenshot()).toString('base64')
    await page.close()
    const without = await tool.evaluate(scaled, {data: shot, scale: SCALE})
    expect(await tool.evaluate(differing, {a: light, b: without, cell: CELL, near: NEAR})).toBeGreaterThan(MOST)
  })
})
