#!/usr/bin/env node
/**
 * Figures of the report page in headless Chromium: `npm run bench:report`. Prints, never fails on a figure.
 *  - size of a page of 1,000 operators, and how long it takes to write
 *  - opening it: until the first chart, until everything
 *  - a control: the engine alone, and from the event until the next frame after the charts in sight are drawn
 *  - panning a roofline of 10,000 measured points
 * CHROMIUM names another browser than /usr/bin/chromium.
 */
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {cpus, tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {build} from 'esbuild'
import {chromium} from 'playwright-core'
import {readFlags} from './flags.mjs'
import {median} from './statistics.mjs'

readFlags(import.meta.url)
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-report-bench-'))
const OPERATORS = 1000
const POINTS = 10_000

async function load() {
  const outfile = join(folder, 'engine.mjs')
  await build({
    stdin: {
      contents: `export {analyzeModel} from './src/analysis/analyze.ts'
export {machines} from './src/analysis/machines/index.ts'
export {renderHtml} from './reports/html.ts'`,
      resolveDir: root,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    outfile,
    logLevel: 'warning',
  })
  return import(pathToFileURL(outfile).href)
}

/** A chain of products and activations, as a file with a graph of its own gives them. */
function chain() {
  const width = (i) => 512 + 64 * (i % 16)
  const tensors = [{name: 'x', role: 'activation', elements: 64 * width(0)}]
  const operators = []
  for (let i = 0; i < OPERATORS / 2; i++) {
    const [k, n] = [width(i), width(i + 1)]
    const input = tensors.length - 1
    tensors.push({name: `w${i}`, role: 'weight', elements: k * n})
    tensors.push({name: `h${i}`, role: 'activation', elements: 64 * n})
    tensors.push({name: `y${i}`, role: 'activation', elements: 64 * n})
    const at = tensors.length
    const dims = {m: 64, n, k, bias: false}
    operators.push({id: `block${i}.linear`, kind: 'linear', dims, inputs: [input, at - 3], outputs: [at - 2]})
    operators.push({id: `block${i}.act`, kind: 'relu', dims: {elements: 64 * n}, inputs: [at - 2], outputs: [at - 1]})
  }
  const spec = {batch: 64, operators, tensors, unknown: []}
  return {id: 'chain', name: 'Chain', source: 'npm run bench:report', architecture: 'operators', dtype: 'f32', spec}
}

/** Measured points all over the frame. */
function runs(peak) {
  return Array.from({length: POINTS}, (_, i) => {
    const intensity = 10 ** (-1 + (4 * (i % 100)) / 100)
    const attainable = Math.min(peak, intensity * 3e12)
    const seconds = {median: 1e-3, min: 1e-3, max: 1e-3, cv: 0}
    const flopsPerSecond = attainable * (0.1 + (0.85 * Math.floor(i / 100)) / 100)
    return {
      ...{
        id: `run${i}`,
        op: 'matmul',
        dims: {m: i},
        dtype: 'f32',
        threads: 1,
        flops: 1,
        bytes: 1,
        seconds,
        flopsPerSecond,
      },
      ...{bytesPerSecond: 1, intensity, bound: null, attainable, efficiency: 0.5, efficiencyMedian: 0.5, maxError: 0},
      verdict: 'ok',
    }
  })
}

const ms = (value) => `${value.toFixed(1)} ms`
const line = (name, text) => process.stdout.write(`${name.padEnd(12)}${text}\n`)

async function open(context, file) {
  const page = await context.newPage()
  const start = performance.now()
  await page.goto(pathToFileURL(file).href, {waitUntil: 'commit'})
  await page.waitForSelector('html[data-ready]')
  const whole = performance.now() - start
  const first = await page.evaluate(() => performance.getEntriesByName('ridgepoint:first-chart')[0].startTime)
  return {page, whole, first}
}

/**
 * Changes the precision of the weights back and forth. Times from the event to the end of the first frame that shows the new chart (a
 * timer set in a frame runs behind its drawing), and until nothing on the page has changed for 150 ms.
 */
function changeControl(page, times) {
  return page.evaluate(async (times) => {
    const select = document.querySelector('#control-weights')
    const until = (act) => new Promise((done) => act(done))
    const frame = () => until((done) => requestAnimationFrame(() => setTimeout(done, 0)))
    document.querySelector('#roofline').scrollIntoView()
    await frame()
    const drawn = []
    const settled = []
    for (let i = 0; i < times; i++) {
      select.value = i % 2 === 0 ? 'int8' : 'bf16'
      let changed = false
      let last = 0
      const chart = new MutationObserver(() => {
        changed = true
      })
      const page = new MutationObserver(() => {
        last = performance.now()
      })
      const all = {subtree: true, childList: true, attributes: true, characterData: true}
      chart.observe(document.querySelector('.chart[data-view=roofline] svg'), all)
      page.observe(document.body, all)
      const start = performance.now()
      select.dispatchEvent(new Event('change'))
      let shown = false
      while (!shown && performance.now() - start < 5000) {
        await until(requestAnimationFrame)
        // charts are drawn in callbacks of the frame that were asked for before this one
        shown = changed
        await until((done) => setTimeout(done, 0))
      }
      drawn.push(performance.now() - start)
      while (performance.now() - Math.max(last, start) < 150) await until((done) => setTimeout(done, 20))
      settled.push(last - start)
      chart.disconnect()
      page.disconnect()
    }
    return {drawn, settled, engine: performance.getEntriesByName('ridgepoint:engine').map((entry) => entry.duration)}
  }, times)
}

async function pan(page) {
  await page.evaluate(() => document.querySelector('#roofline').scrollIntoView())
  await page.waitForTimeout(300)
  const box = await page.locator('.chart[data-view=roofline]').boundingBox()
  await page.evaluate(() => {
    const frames = []
    let last = performance.now()
    const tick = (now) => {
      frames.push(now - last)
      last = now
      window.panFrames = frames
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  })
  await page.mouse.move(box.x + 600, box.y + 200)
  await page.mouse.down()
  for (let i = 0; i < 30; i++) await page.mouse.move(box.x + 600 - 4 * i, box.y + 200 + i)
  const moving = await page.evaluate(() => window.panFrames.slice(2))
  const start = performance.now()
  await page.mouse.up()
  await page.waitForFunction(() => document.querySelector('.chart[data-view=roofline] canvas')?.style.transform === '')
  return {moving, rest: performance.now() - start}
}

try {
  execFileSync(process.execPath, [join(root, 'scripts', 'build-report.mjs'), folder], {stdio: 'ignore'})
  const template = readFileSync(join(folder, 'template.html'), 'utf8')
  const {analyzeModel, machines, renderHtml} = await load()
  const machine = machines['h100-sxm']
  const model = chain()
  const {result, warnings} = analyzeModel(model, machine)
  const analysis = {schema: 'ridgepoint/analysis@1', ok: true, result, warnings}
  const started = performance.now()
  const html = await renderHtml(template, analysis, {model})
  const written = performance.now() - started
  const [file, many] = [join(folder, 'chain.html'), join(folder, 'many.html')]
  writeFileSync(file, html)
  const peak = Math.max(...machine.ceilings.filter((c) => c.kind === 'compute').map((c) => c.value))
  writeFileSync(many, await renderHtml(template, analysis, {model, runs: runs(peak / 2)}))
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ')
  process.stdout.write(`${cpus()[0].model}, ${cpus().length} CPUs, node ${process.version}, ${date} UTC\n\n`)
  const kB = (text) => `${Math.round(Buffer.byteLength(text) / 1000)} kB`
  line(
    'size',
    `${kB(html)} with ${result.operators.length} operators (target below 1,200 kB); template ${kB(template)}`,
  )
  line('write', `${ms(written)} to make the page of a document (target below 300 ms)`)
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run', '--disable-sync'],
    viewport: {width: 1280, height: 900},
  })
  try {
    line('browser', context.browser()?.version() ?? 'Chromium')
    const opened = []
    for (let i = 0; i < 3; i++) {
      const {page, ...times} = await open(context, file)
      opened.push(times)
      if (i < 2) await page.close()
      else {
        const {drawn, settled, engine} = await changeControl(page, 15)
        line(
          'engine',
          `median ${ms(median(engine))}, best ${ms(Math.min(...engine))} for ${OPERATORS} operators (target 16 ms)`,
        )
        line(
          'control',
          `median ${ms(median(drawn))}, best ${ms(Math.min(...drawn))} from the event until it is drawn (target 100 ms); everything, out of sight too: ${ms(median(settled))}`,
        )
        await page.close()
      }
    }
    const firsts = opened.map((times) => times.first)
    line('first chart', `median ${ms(median(firsts))}, best ${ms(Math.min(...firsts))} from opening (target 1,000 ms)`)
    line('whole page', `median ${ms(median(opened.map((times) => times.whole)))} until every chart is drawn`)
    const {page} = await open(context, many)
    const {moving, rest} = await pan(page)
    const frames = `median frame ${ms(median(moving))}, slowest ${ms(Math.max(...moving))}`
    line(
      'pan',
      `${POINTS} points: ${frames} while the pointer moves; ${ms(rest)} until they are drawn anew where it rests`,
    )
  } finally {
    await context.close()
  }
} finally {
  rmSync(folder, {recursive: true, force: true})
}
