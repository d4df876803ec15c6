/// <reference lib="dom" />
/** The page: reads the embedded document and builds every section from it. */
import {formatCount} from '../../src/analysis/units.ts'
import type {ThemeName} from '../chart/theme.ts'
import {unpack} from '../html.ts'
import type {Extras} from '../live/source.ts'
import type {PlacementDocument} from '../placement.ts'
import {type Shown, shownOf} from '../shown.ts'
import {blocks} from '../views/blocks.ts'
import {caches} from '../views/caches.ts'
import {latency} from '../views/latency.ts'
import {memory} from '../views/memory.ts'
import {noise} from '../views/noise.ts'
import {pairs} from '../views/pairs.ts'
import {sustained} from '../views/sustained.ts'
import {throughput} from '../views/throughput.ts'
import {tiles} from '../views/tiles.ts'
import {followAddress} from './address.ts'
import {h, save} from './dom.ts'
import {live} from './live.ts'
import {adviceSection, assumptionsSection} from './sections/advice.ts'
import {answerSection} from './sections/answer.ts'
import {changesAnswer} from './sections/changes-answer.ts'
import {chartSection, type Section} from './sections/chart.ts'
import {comparisonOf, comparisonSection} from './sections/comparison.ts'
import {compressionSection} from './sections/compression.ts'
import {controlsSection} from './sections/controls.ts'
import {fusionSection} from './sections/fusion.ts'
import {gpuSection} from './sections/gpu.ts'
import {ceilingsSection, rankingSection} from './sections/machine.ts'
import {measuredSection} from './sections/measured.ts'
import {operatorsSection} from './sections/operators.ts'
import {pointsAnswer} from './sections/points-answer.ts'
import {rooflineSection} from './sections/roofline.ts'
import {timeSection} from './sections/time.ts'
import {Store} from './state.ts'
import {Tooltip} from './tooltip.ts'

const dark = matchMedia('(prefers-color-scheme: dark)')

/** The text of an embedded element: plain, or compressed where it is long. */
async function embedded(id: string): Promise<string | undefined> {
  const element = document.getElementById(`ridgepoint-${id}`)
  const text = element?.textContent
  if (!text) return undefined
  return element.getAttribute('type') === 'application/json' ? text : unpack(text)
}

async function content(): Promise<Shown> {
  const [text, more] = await Promise.all([embedded('document'), embedded('extras')])
  if (text === undefined) throw new Error('this page embeds no document')
  const extras: Extras = more === undefined ? {} : JSON.parse(more)
  return shownOf(JSON.parse(text), extras)
}

function lead(store: Store): HTMLElement {
  if (store.subject === 'machine') {
    const {machine} = store.more
    const {date} = machine?.identity ?? {}
    const parts = [machine?.id, machine?.profile && `${machine.profile} profile`, date?.slice(0, 10)]
    return h('p', {class: 'lead'}, parts.filter((part) => part !== undefined).join(' · '))
  }
  if (store.subject === 'points') {
    const {workload, totals} = store.document.result
    return h(
      'p',
      {class: 'lead'},
      `measured · roof of ${workload.dtype.weights} · bytes at ${Object.keys(totals.bytes)[0]}`,
    )
  }
  const {phase, batch, seq, context, fusion, dtype, count, tp, image, graph} = store.document.result.workload
  const sample = image
    ? `${image.height} × ${image.width} pixels`
    : graph
      ? `${formatCount(graph.nodes)} nodes`
      : store.document.result.totals.tokensPerSecond === null
        ? false
        : `${formatCount(seq)} ${seq === 1 ? 'token' : 'tokens'}`
  const parts = [
    phase,
    `batch ${formatCount(batch)}`,
    sample,
    context > 0 && `context ${formatCount(context)}`,
    dtype.weights === dtype.activations ? dtype.weights : `${dtype.weights} weights, ${dtype.activations} activations`,
    `fusion ${fusion}`,
    count > 1 && `${count} devices, tensor parallel ${tp}`,
    Object.keys(store.state.settings).length > 0 && 'recomputed here',
  ]
  return h('p', {class: 'lead'}, parts.filter((part) => part !== false).join(' · '))
}

function titleOf({subject, document: {result}}: Store): string {
  return subject === 'machine' ? result.machine.name : `${result.model.name} on ${result.machine.name}`
}

/** While a script prints, nothing that it left in promises is done: charts would go to paper as the screen has them, dark ones too. */
function printPage(): void {
  dispatchEvent(new Event('beforeprint'))
  setTimeout(() => print(), 0)
}

function header(store: Store): HTMLElement {
  const other = (theme: ThemeName): ThemeName => (theme === 'dark' ? 'light' : 'dark')
  const themeButton = h('button', {type: 'button', click: () => store.set({theme: other(store.state.theme)})})
  const name = () => {
    themeButton.textContent = store.state.theme === 'dark' ? 'Light' : 'Dark'
    themeButton.setAttribute('aria-label', `Switch to the ${other(store.state.theme)} theme`)
  }
  name()
  store.listen((_state, changed) => changed.has('theme') && name())
  return h(
    'header',
    {},
    h(
      'div',
      {class: 'title'},
      h('p', {class: 'brand'}, 'Ridgepoint'),
      live(store, () => h('h1', {}, titleOf(store))),
      live(store, () => lead(store)),
    ),
    h(
      'div',
      {class: 'tools'},
      themeButton,
      h('button', {type: 'button', click: printPage}, 'Print'),
      h(
        'button',
        {
          type: 'button',
          click: () =>
            save(
              `${store.subject}.json`,
              'application/json',
              `${JSON.stringify(store.subject === 'analysis' ? store.document : store.embedded, null, 2)}\n`,
            ),
        },
        'Save JSON',
      ),
    ),
  )
}

const goTo = (id: string) => document.getElementById(id)?.scrollIntoView()

/** Goes to the section of the address, and once more when charts have got their heights, unless the reader has moved on. */
function follow(store: Store): () => void {
  const {section} = store.state
  if (section === '') return () => undefined
  let moved = false
  const stop = () => {
    moved = true
  }
  for (const name of ['wheel', 'keydown', 'pointerdown']) addEventListener(name, stop, {once: true})
  goTo(section)
  return () => {
    if (!moved) goTo(section)
  }
}

function navigation(main: HTMLElement, store: Store): HTMLElement {
  const links = [...main.querySelectorAll('section')].flatMap((section) => {
    const title = section.querySelector('h2')?.textContent
    const {id} = section
    // the address belongs to the state; a section may have been built anew since
    const go = (event: Event) => {
      event.preventDefault()
      store.set({section: id})
      goTo(id)
    }
    return title && !section.hidden ? [h('a', {href: `#${id}`, click: go}, title)] : []
  })
  return h('nav', {'aria-label': 'Sections'}, ...links)
}

/** Lets the browser draw and answer between two charts. */
const breathe = () => new Promise((resolve) => setTimeout(resolve, 0))

function followTheme(store: Store): void {
  const apply = () => {
    document.documentElement.dataset.theme = store.state.theme
  }
  apply()
  store.listen((_state, changed) => changed.has('theme') && apply())
  dark.addEventListener('change', () => store.set({theme: dark.matches ? 'dark' : 'light'}))
  let before: ThemeName | undefined
  // paper is white
  addEventListener('beforeprint', () => {
    before ??= store.state.theme
    store.set({theme: 'light'})
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  addEventListener('afterprint', () => {
    store.set({theme: before ?? store.state.theme})
    before = undefined
  })
}

/** Charts of a page without a workload: the first one drawn is what it is about. */
async function settle(root: HTMLElement, store: Store, main: HTMLElement, charts: readonly Startable[]): Promise<void> {
  document.title = `${titleOf(store)} · Ridgepoint`
  root.replaceChildren(header(store), navigation(main, store), main)
  const rest = follow(store)
  for (const [i, chart] of charts.entries()) {
    if (i > 0) await breathe()
    await chart.start().ready
    if (i === 0) performance.mark('ridgepoint:first-chart')
  }
  rest()
  document.documentElement.dataset.ready = 'true'
}

type Startable = Pick<Section, 'start'>

const all = (...parts: readonly (Section | undefined)[]) => parts.filter((part) => part !== undefined)

/** The page of measured points: their chart, their table and the machine; beside others where it compares. */
async function buildPoints(
  root: HTMLElement,
  store: Store,
  tooltip: Tooltip,
  placement: PlacementDocument,
): Promise<void> {
  const compared = comparisonOf(store)
  const changes = comparisonSection(store, tooltip)
  const roofline = rooflineSection(store, tooltip)
  const [slopes, blockChart] = [pairs, blocks].map((view) => chartSection(view, store, tooltip, true))
  const main = h(
    'main',
    {},
    compared ? changesAnswer(compared) : pointsAnswer(placement),
    changes?.element,
    slopes!.element,
    roofline.element,
    blockChart!.element,
    measuredSection(store),
    ceilingsSection(store),
  )
  const first = changes ? [changes, roofline] : [roofline]
  await settle(root, store, main, [...first, ...all(slopes, blockChart)])
}

/** The page of a profile: its roofs, what they were measured with, every ceiling; beside another where it compares. */
async function buildMachine(root: HTMLElement, store: Store, tooltip: Tooltip): Promise<void> {
  const compared = comparisonOf(store)
  const changes = comparisonSection(store, tooltip)
  const roofline = rooflineSection(store, tooltip)
  const more = [caches, sustained, noise].map((view) => chartSection(view, store, tooltip, true))
  const main = h(
    'main',
    {},
    compared && changesAnswer(compared),
    changes?.element,
    roofline.element,
    ceilingsSection(store),
    ...more.map(({element}) => element),
  )
  await settle(root, store, main, [...(changes ? [changes] : []), roofline, ...more])
}

async function build(root: HTMLElement): Promise<void> {
  const shown = await content()
  const store = new Store(shown, dark.matches ? 'dark' : 'light')
  const name = () => {
    document.title = `${titleOf(store)} · Ridgepoint`
  }
  store.listen((_state, changed) => changed.has('document') && name())
  // first, since an address may already ask for something else than the embedded document
  followAddress(store, () => (dark.matches ? 'dark' : 'light'))
  followTheme(store)
  const tooltip = new Tooltip(document.body)
  addEventListener('keydown', ({key}) => {
    if (key !== 'Escape') return
    tooltip.hide()
    store.set({picked: ''})
  })
  if (shown.embedded.schema === 'ridgepoint/placement@1') return buildPoints(root, store, tooltip, shown.embedded)
  if (shown.subject === 'machine') return buildMachine(root, store, tooltip)
  const controls = controlsSection(store)
  name()
  const roofline = rooflineSection(store, tooltip)
  const fusion = fusionSection(store, tooltip)
  const timeChart = timeSection(store, tooltip)
  const comparisonChart = comparisonSection(store, tooltip)
  const [throughputChart, latencyChart, memoryChart, tilesChart] = [throughput, latency, memory, tiles].map((view) =>
    chartSection(view, store, tooltip),
  )
  const [pairsChart, blocksChart, cachesChart, sustainedChart, noiseChart] = [
    pairs,
    blocks,
    caches,
    sustained,
    noise,
  ].map((view) => chartSection(view, store, tooltip, true))
  const parts = [
    live(store, () => answerSection(store.document)),
    controls,
    roofline.element,
    comparisonChart?.element,
    live(store, () => adviceSection(store.document)),
    measuredSection(store),
    operatorsSection(store),
    timeChart.element,
    fusion?.element,
    pairsChart!.element,
    live(store, () => compressionSection(store)),
    throughputChart!.element,
    latencyChart!.element,
    live(store, () => rankingSection(store)),
    memoryChart!.element,
    tilesChart!.element,
    blocksChart!.element,
    gpuSection(store),
    live(store, () => ceilingsSection(store)),
    cachesChart!.element,
    sustainedChart!.element,
    noiseChart!.element,
    live(store, () => assumptionsSection(store.document)),
  ]
  const main = h('main', {}, ...parts)
  root.replaceChildren(header(store), navigation(main, store), main)
  const settle = follow(store)
  await roofline.start().ready
  performance.mark('ridgepoint:first-chart')
  const rest = [
    comparisonChart,
    timeChart,
    fusion,
    pairsChart,
    throughputChart,
    latencyChart,
    memoryChart,
    tilesChart,
    blocksChart,
    cachesChart,
    sustainedChart,
    noiseChart,
  ]
  for (const part of rest) {
    await breathe()
    await part?.start().ready
  }
  settle()
  // for who waits for the page to be whole: tests, and programs that take a picture of it
  document.documentElement.dataset.ready = 'true'
}

const root = document.getElementById('page')!
build(root).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  root.replaceChildren(
    h('p', {class: 'failure', role: 'alert'}, `This report cannot be shown: ${message}`),
    h('p', {}, 'Write it again with perf analyze … --report FILE.html'),
  )
})
