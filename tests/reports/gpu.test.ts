import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type BrowserContext, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {renderHtml} from '../../reports/html.ts'
import {parseMachine} from '../../src/analysis/importers/machine-file.ts'
import {format} from '../../src/analysis/units.ts'
import {buildTemplate, sample} from './support.ts'

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
const present = existsSync(executable)
const required = process.env.CI === 'true' || process.env.RIDGEPOINT_BROWSER === 'required'
const missing = `no Chromium at ${executable}: install it (Debian: apt-get install chromium) or set CHROMIUM to its path`
if (!present) {
  if (required) it('finds Chromium', () => expect.fail(missing))
  else it.skip(`measuring a GPU from the page: ${missing}`)
}

describe.runIf(present)('"Measure this GPU" on the page', {timeout: 180_000}, () => {
  let folder = ''
  let file = ''
  const contexts: BrowserContext[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ridgepoint-gpu-page-'))
    file = join(folder, 'page.html')
    writeFileSync(file, await renderHtml(buildTemplate(), sample()))
  }, 120_000)

  afterAll(async () => {
    for (const context of contexts) await context.close()
    rmSync(folder, {recursive: true, force: true})
  })

  async function open(name: string, args: string[]): Promise<{page: Page; said: string[]}> {
    const context = await chromium.launchPersistentContext(join(folder, name), {
      executablePath: executable,
      args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', ...args],
      acceptDownloads: true,
    })
    contexts.push(context)
    const page = await context.newPage()
    const said: string[] = []
    page.on('pageerror', (error) => said.push(error.message))
    // a browser's remark about a driver is not the page's
    page.on('console', (message) => message.type() === 'error' && said.push(message.text()))
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector('html[data-ready]')
    return {page, said}
  }

  it('measures, draws the ceilings, places every operator, and saves a profile that the tool reads', async () => {
    const {page, said} = await open('with', ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'])
    const operators = await page.locator('#operators tbody tr').count()
    await page.click('#gpu button:has-text("Measure this GPU")')
    await page.waitForSelector('#gpu progress:not([hidden])')
    await page.waitForSelector('#gpu button:has-text("Save profile"):not([hidden])', {timeout: 150_000})
    expect(await page.locator('#gpu .status').textContent()).toMatch(/^Measured .*FLOP\/s, .*B\/s/)
    expect(await page.locator('#control-machine').inputValue()).toBe('local-gpu')
    expect(await page.title()).toMatch(/SwiftShader|llvmpipe|GPU/i)
    expect(await page.locator('#operators tbody tr').count()).toBe(operators)
    // the chart is drawn anew where it is seen: its roof is the one that was measured
    const peak = (await page.locator('#gpu .status').textContent())!.match(/([\d.,]+ [MGT]FLOP\/s)/)![1]!
    await page.locator('#roofline').scrollIntoViewIfNeeded()
    await page.waitForFunction(
      (text) => document.querySelector('#roofline svg')?.textContent?.includes(`f32 vector ${text}`),
      peak,
    )
    expect(await page.locator('#machine tbody, #ceilings tbody').first().textContent()).toMatch(/measured/)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.click('#gpu button:has-text("Save profile")'),
    ])
    const machine = parseMachine(await readFile(await download.path(), 'utf8'), 'local-gpu.json')
    expect(machine.ceilings.length).toBeGreaterThan(5)
    expect(machine.ceilings.every(({value}) => value > 0)).toBe(true)
    // the sentence has what the chart has: no ceiling that contradicts another, and says how many are in doubt
    const status = (await page.locator('#gpu .status').textContent())!
    const doubtful = machine.ceilings.filter(({verdict = 'ok'}) => verdict !== 'ok')
    expect(/(\d+) of \d+ ceilings varied/.exec(status)?.[1] ?? '0').toBe(String(doubtful.length))
    const memory = machine.ceilings.filter(
      (c) => c.kind === 'bandwidth' && c.level === 'DRAM' && c.verdict !== 'implausible',
    )
    if (memory.length > 0) expect(status).toContain(format(Math.max(...memory.map(({value}) => value)), 'B/s'))
    // back to the document's own machine: its ceilings, not the GPU's
    await page.selectOption('#control-machine', sample().result.machine.id)
    await page.waitForFunction(() => !location.hash.includes('local-gpu'))
    expect(said).toEqual([])
  })

  it('can be cancelled, and the document stays as it was', async () => {
    const {page} = await open('cancel', ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'])
    const title = await page.title()
    await page.click('#gpu button:has-text("Measure this GPU")')
    await page.click('#gpu button:has-text("Cancel")')
    await page.waitForSelector('#gpu .status.bad')
    expect(await page.locator('#gpu .status').textContent()).toMatch(/interrupted/)
    expect(await page.title()).toBe(title)
    expect(await page.locator('#gpu button:has-text("Measure this GPU")').isEnabled()).toBe(true)
  })

  it('says in a sentence where the browser has no WebGPU', async () => {
    const {page, said} = await open('without', [
      '--disable-gpu',
      '--disable-features=WebGPU',
      '--disable-blink-features=WebGPU',
    ])
    await page.click('#gpu button:has-text("Measure this GPU")')
    await page.waitForSelector('#gpu .status.bad')
    expect(await page.locator('#gpu .status').textContent()).toMatch(/WebGPU/)
    expect(said).toEqual([])
  })
})
