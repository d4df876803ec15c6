/** A browser for the tests of the page: one per test file, with nothing of a user's and no network of its own. */
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type BrowserContext, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {renderHtml} from '../../reports/html.ts'
import type {Extras} from '../../reports/live/source.ts'
import type {Embedded} from '../../reports/shown.ts'
import {buildTemplate, root} from './support.ts'

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
const present = existsSync(executable)
const required = process.env.CI === 'true' || process.env.RIDGEPOINT_BROWSER === 'required'
const missing = `no Chromium at ${executable}: install it (Debian: apt-get install chromium) or set CHROMIUM to its path`

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Opened {
  readonly page: Page
  /** what the console says */
  readonly said: string[]
  /** what the page asked the network for */
  readonly asked: () => string[]
}

export class Browser {
  folder = ''
  template = ''
  #context: BrowserContext | undefined

  get context(): BrowserContext {
    if (!this.#context) throw new Error('the browser is not open')
    return this.#context
  }

  async start(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'ridgepoint-browser-'))
    this.template = buildTemplate()
    this.#context = await chromium.launchPersistentContext(join(this.folder, 'profile'), {
      executablePath: executable,
      args: flags,
      viewport: {width: 1280, height: 900},
    })
  }

  async stop(): Promise<void> {
    await this.#context?.close()
    rmSync(this.folder, {recursive: true, force: true})
  }

  /** Opens a document as a page; what the console says and what the page asks the network for is kept. */
  async open(
    document: Embedded,
    viewport = {width: 1280, height: 900},
    edit = (html: string) => html,
    extras: Extras = {},
    hash = '',
  ): Promise<Opened> {
    const file = join(this.folder, `${Math.random().toString(36).slice(2)}.html`)
    writeFileSync(file, edit(await renderHtml(this.template, document, extras)))
    const page = await this.context.newPage()
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
}

/** What axe finds serious, with the first elements of each. */
export async function serious(page: Page): Promise<string[]> {
  // the page's policy forbids what is not its own: axe comes in through the debugger, which no policy binds
  await page.evaluate(readFileSync(join(root, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8'))
  return page.evaluate(async () => {
    const {axe} = globalThis as unknown as {
      axe: {run(): Promise<{violations: {id: string; impact: string; nodes: {html: string}[]}[]}>}
    }
    const {violations} = await axe.run()
    const first = (nodes: {html: string}[]) => nodes.slice(0, 3).map((node) => node.html.slice(0, 120))
    return violations
      .filter(({impact}) => impact === 'serious' || impact === 'critical')
      .map(({id, nodes}) => `${id}: ${first(nodes).join(' | ')}`)
  })
}

/** The dot of an operator in the roofline. */
export const dot = (page: Page, id: string) =>
  page.locator(`.chart[data-view=roofline] [aria-roledescription=point][aria-label^="${id}"]`)

/** Tests that need a browser; without one they are skipped and say why, or fail where one is required. */
export function describePage(name: string, tests: (browser: Browser) => void): void {
  if (!present) {
    if (required) it('finds Chromium', () => expect.fail(missing))
    else it.skip(`${name}: ${missing}`)
  }
  describe.runIf(present)(name, {timeout: 60_000}, () => {
    const browser = new Browser()
    beforeAll(() => browser.start(), 120_000)
    afterAll(() => browser.stop())
    tests(browser)
  })
}
