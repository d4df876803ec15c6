/// <reference lib="dom" />
/** The page: reads the embedded document and builds every section from it. */
import {formatCount} from '../../src/analysis/units.ts'
import {defaultState} from '../chart/draw.ts'
import type {ThemeName} from '../chart/theme.ts'
import {type ReportDocument, readDocument} from '../document.ts'
import {memory} from '../views/memory.ts'
import {time} from '../views/time.ts'
import type {Chart} from './chart.ts'
import {h, save} from './dom.ts'
import {adviceSection, assumptionsSection} from './sections/advice.ts'
import {answerSection} from './sections/answer.ts'
import {chartSection} from './sections/chart.ts'
import {fusionSection} from './sections/fusion.ts'
import {ceilingsSection, rankingSection} from './sections/machine.ts'
import {operatorsSection} from './sections/operators.ts'
import {rooflineSection} from './sections/roofline.ts'
import {Store} from './state.ts'
import {Tooltip} from './tooltip.ts'

const dark = matchMedia('(prefers-color-scheme: dark)')

function embedded(): ReportDocument {
  const text = document.getElementById('ridgepoint-document')?.textContent
  if (!text) throw new Error('this page embeds no document')
  return readDocument(JSON.parse(text))
}

function header(store: Store): HTMLElement {
  const {model, workload, machine} = store.document.result
  const {phase, batch, seq, context, fusion, dtype, count, tp} = workload
  const parts = [
    phase,
    `batch ${formatCount(batch)}`,
    `${formatCount(seq)} ${seq === 1 ? 'token' : 'tokens'}`,
    context > 0 && `context ${formatCount(context)}`,
    dtype.weights === dtype.activations ? dtype.weights : `${dtype.weights} weights, ${dtype.activations} activations`,
    `fusion ${fusion}`,
    count > 1 && `${count} devices, tensor parallel ${tp}`,
  ]
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
      h('h1', {}, `${model.name} on ${machine.name}`),
      h('p', {class: 'lead'}, parts.filter((part) => part !== false).join(' · ')),
    ),
    h(
      'div',
      {class: 'tools'},
      themeButton,
      h('button', {type: 'button', click: () => print()}, 'Print'),
      h(
        'button',
        {
          type: 'button',
          click: () => save('analysis.json', 'application/json', `${JSON.stringify(store.document, null, 2)}\n`),
        },
        'Save JSON',
      ),
    ),
  )
}

function navigation(sections: readonly HTMLElement[]): HTMLElement {
  const links = sections.flatMap((section) => {
    const title = section.querySelector('h2')?.textContent
    return title ? [h('a', {href: `#${section.id}`}, title)] : []
  })
  return h('nav', {'aria-label': 'Sections'}, ...links)
}

function followTheme(store: Store): void {
  const apply = () => {
    document.documentElement.dataset.theme = store.state.theme
  }
  apply()
  store.listen((_state, changed) => changed.has('theme') && apply())
  dark.addEventListener('change', () => store.set({theme: dark.matches ? 'dark' : 'light'}))
  let before: ThemeName = store.state.theme
  // paper is white
  addEventListener('beforeprint', () => {
    before = store.state.theme
    store.set({theme: 'light'})
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  addEventListener('afterprint', () => store.set({theme: before}))
}

async function build(root: HTMLElement): Promise<void> {
  const content = embedded()
  const {result} = content
  document.title = `${result.model.name} on ${result.machine.name} · Ridgepoint`
  const store = new Store(content, {
    picked: '',
    view: defaultState(result),
    theme: dark.matches ? 'dark' : 'light',
  })
  followTheme(store)
  const tooltip = new Tooltip(document.body)
  const roofline = rooflineSection(store, tooltip)
  const fusion = fusionSection(store, tooltip)
  const timeChart = chartSection(time, store, tooltip)
  const memoryChart = chartSection(memory, store, tooltip)
  const sections = [
    answerSection(content),
    roofline.element,
    adviceSection(content),
    operatorsSection(store),
    timeChart.element,
    fusion?.element,
    rankingSection(content),
    memoryChart.element,
    ceilingsSection(content),
    assumptionsSection(content),
  ].filter((section) => section !== undefined)
  root.replaceChildren(header(store), navigation(sections), h('main', {}, ...sections))
  const charts: Chart[] = [roofline, timeChart, fusion, memoryChart].flatMap((part) => (part ? [part.start()] : []))
  await Promise.all(charts.map((chart) => chart.ready))
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
