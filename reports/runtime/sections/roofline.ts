/// <reference lib="dom" />
/** The roofline with its switches: ceilings, classes of operators, what fusing moves, zoom. */
import {classOf, operatorClasses} from '../../chart/classes.ts'
import {frameOf, roofLines} from '../../chart/roofs.ts'
import {placedRuns, runsOf} from '../../chart/runs.ts'
import {roofline} from '../../views/roofline.ts'
import type {Chart} from '../chart.ts'
import {h, svg} from '../dom.ts'
import {draggable} from '../drag.ts'
import {live} from '../live.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {zoomable} from '../zoom.ts'
import {figureOf} from './figure.ts'

const shapes = {
  circle: 'M8 2a6 6 0 1 0 0.01 0Z',
  diamond: 'M8 1L15 8L8 15L1 8Z',
  square: 'M2.5 2.5H13.5V13.5H2.5Z',
  'triangle-up': 'M8 2L15 14H1Z',
  'triangle-down': 'M8 14L15 2H1Z',
  cross: 'M6 2H10V6H14V10H10V14H6V10H2V6H6Z',
} as const

/** The sign of a class, drawn as the charts draw it; its colour comes from the style sheet. */
export function classSign(id: string): SVGElement {
  const known = operatorClasses.find((c) => c.id === id) ?? operatorClasses[0]
  return svg(
    'svg',
    {class: `sign class-${known.id}`, viewBox: '0 0 16 16', width: 14, height: 14, 'aria-hidden': 'true'},
    svg('path', {d: shapes[known.shape]}),
  )
}

function lineSign(provenance: string): SVGElement {
  const dashes = {measured: '', datasheet: '9 4', derived: '2 3'}[provenance] ?? ''
  return svg(
    'svg',
    {class: 'sign line', viewBox: '0 0 26 10', width: 26, height: 10, 'aria-hidden': 'true'},
    svg('path', {d: 'M0 5H26', 'stroke-dasharray': dashes}),
  )
}

/** Brings a switch in step with the state. */
type Sync = () => void

function toggle(
  label: string,
  sign: Node | undefined,
  syncs: Sync[],
  isOn: () => boolean,
  change: (on: boolean) => void,
): HTMLElement {
  const box: HTMLInputElement = h('input', {type: 'checkbox', change: () => change(box.checked)})
  const sync = () => {
    box.checked = isOn()
  }
  sync()
  syncs.push(sync)
  return h('label', {class: 'toggle'}, box, sign, label)
}

const without = (list: readonly string[], id: string) => list.filter((other) => other !== id)

/** Everything measured that the chart can draw. */
function measuredOf(store: Store) {
  const {runs, points} = store.more
  const {machine, operators} = store.document.result
  const frame = frameOf(machine)
  return [...runsOf(runs ?? [], frame), ...placedRuns(points ?? [], frame, operators)]
}

function switches(store: Store, syncs: Sync[]): HTMLElement {
  const {result} = store.document
  const view = () => store.state.view
  const set = (change: Partial<typeof store.state.view>) => store.set({view: {...store.state.view, ...change}})
  const lines = roofLines(result)
  const measured = measuredOf(store)
  const classes = new Set([...result.operators.map(classOf), ...measured.map((run) => run.classId)])
  const present = operatorClasses.filter((c) => classes.has(c.id))
  return h(
    'div',
    {class: 'switches'},
    store.subject !== 'machine' &&
      h(
        'fieldset',
        {},
        h('legend', {}, store.subject === 'points' ? 'Points' : 'Operators'),
        ...present.map(({id, label}) =>
          toggle(
            label,
            classSign(id),
            syncs,
            () => !view().hidden.includes(id),
            (on) => {
              const {hidden} = store.state.view
              set({hidden: on ? without(hidden, id) : [...hidden, id]})
            },
          ),
        ),
        result.fusion.groups.length > 0 &&
          toggle(
            'What fusing moves (unfused ○ → fused ▲)',
            undefined,
            syncs,
            () => view().moves,
            (moves) => set({moves}),
          ),
        measured.length > 0 &&
          h(
            'span',
            {class: 'key'},
            'filled ●: what the roof allows · hollow ○: measured, joined to the tick of its roof',
          ),
        h('span', {class: 'key'}, 'area: share of the time'),
      ),
    h(
      'fieldset',
      {},
      h('legend', {}, 'Ceilings'),
      ...lines.map((line) =>
        toggle(
          line.label,
          lineSign(line.provenance),
          syncs,
          () => view().ceilings.includes(line.id),
          (on) => {
            const {ceilings} = store.state.view
            set({ceilings: on ? [...ceilings, line.id] : without(ceilings, line.id)})
          },
        ),
      ),
      h('span', {class: 'key'}, 'solid: measured · dashed: datasheet · dotted: derived'),
    ),
  )
}

/** What the dots show: which level's bytes, which operators. */
function looks(store: Store, syncs: Sync[]): HTMLElement {
  const set = (change: Partial<typeof store.state.view>) => store.set({view: {...store.state.view, ...change}})
  const view = () => store.state.view
  const levels = Object.keys(store.document.result.totals.bytes)
  const level: HTMLSelectElement = h(
    'select',
    {change: () => set({level: level.value})},
    h('option', {value: ''}, `all roofs, bytes of ${levels[0] ?? 'memory'}`),
    ...levels.map((name) => h('option', {value: name}, `${name} alone`)),
  )
  const search: HTMLInputElement = h('input', {
    type: 'search',
    placeholder: 'Find an operator',
    'aria-label': 'Find an operator in the chart',
    input: () => set({search: search.value}),
  })
  const sync = () => {
    level.value = view().level
    // never under the fingers of who is typing
    if (search.value.trim() !== view().search.trim()) search.value = view().search
  }
  sync()
  syncs.push(sync)
  const isLone = () => view().isolated !== ''
  const lone = toggle('Only the picked operator', undefined, syncs, isLone, (on) =>
    set({isolated: on ? store.state.picked : ''}),
  )
  const compulsory = 'compulsory bytes are the same at every level'
  const every = toggle(
    'Every level of the picked operator',
    undefined,
    syncs,
    () => view().levels,
    (on) => set({levels: on}),
  )
  every.title = compulsory
  return h(
    'fieldset',
    {},
    h('legend', {}, 'Look'),
    h('label', {class: 'toggle'}, 'Memory level', level),
    search,
    levels.length > 1 && every,
    lone,
  )
}

export function rooflineSection(store: Store, tooltip: Tooltip): {element: HTMLElement; start: () => Chart} {
  const {figure, frame, tools, start} = figureOf(roofline, store, tooltip)
  let chart: Chart | undefined
  const button = (label: string, text: string, act: () => void) =>
    h('button', {type: 'button', 'aria-label': label, title: label, click: act}, text)
  tools.prepend(
    button('Zoom in', '+', () => chart?.zoom(0.6)),
    button('Zoom out', '−', () => chart?.zoom(1 / 0.6)),
    button('Reset to the frame', 'Reset', () => chart?.zoom(undefined)),
  )
  tools.append(
    h(
      'span',
      {class: 'hint'},
      'Click, then scroll to zoom; drag to pan; Shift and drag a box; or the keys + − 0 and arrows. Click a dot for its row.',
    ),
  )
  zoomable(frame, () => chart)
  draggable(frame, () => chart)
  store.listen((state, changed) => {
    const {view, picked} = state
    if (changed.has('picked') && view.isolated !== '' && view.isolated !== picked)
      store.set({view: {...view, isolated: picked}})
    if (changed.has('view')) for (const sync of [...lookSyncs, ...switchSyncs]) sync()
  })
  let [lookSyncs, switchSyncs]: [Sync[], Sync[]] = [[], []]
  const all = h(
    'div',
    {class: 'switches'},
    store.subject !== 'machine' &&
      live(store, () => {
        lookSyncs = []
        return looks(store, lookSyncs)
      }),
    live(store, () => {
      switchSyncs = []
      return switches(store, switchSyncs)
    }),
  )
  figure.append(all)
  return {
    element: h('section', {id: 'roofline'}, h('h2', {}, roofline.title), figure),
    start: () => {
      chart = start()
      return chart
    },
  }
}
