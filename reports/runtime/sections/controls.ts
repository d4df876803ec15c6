/// <reference lib="dom" />
/** Live controls: the engine runs in the page, every view follows. */
import {format} from '../../../src/analysis/units.ts'
import {type Control, controls, type Settings, type Situation, situationOf} from '../../live/settings.ts'
import type {Source} from '../../live/source.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'

const groups = ['Model', 'Workload', 'Numbers', 'Machine'] as const

/** One control: its label, its field, and how it follows the state. */
class Field {
  readonly element: HTMLElement
  readonly #control: Control
  readonly #input: HTMLInputElement | HTMLSelectElement
  #options = ''

  constructor(control: Control, change: (id: string, value: string) => void) {
    this.#control = control
    const id = `control-${control.id}`
    this.#input = control.choices
      ? h('select', {id, change: () => change(control.id, this.#input.value)})
      : h('input', {
          id,
          type: 'number',
          min: control.least ?? 1,
          step: 1,
          inputmode: 'numeric',
          input: () => this.#input.value !== '' && change(control.id, this.#input.value),
        })
    const times = (factor: number) => () => {
      const value = Math.max(control.least ?? 1, Math.floor(Number(this.#input.value) * factor))
      change(control.id, String(value))
    }
    const step = (text: string, factor: number) =>
      h('button', {type: 'button', 'aria-label': `${text} ${control.label}`, click: times(factor)}, text)
    this.element = h(
      'div',
      {class: 'field'},
      h('label', {for: id}, control.label),
      h(
        'span',
        {class: 'entry'},
        this.#input,
        control.doubles === true && step('½', 0.5),
        control.doubles === true && step('×2', 2),
      ),
    )
  }

  show(now: Situation, settings: Settings, source: Source): void {
    const {id, choices} = this.#control
    const value = this.#control.value(now)
    this.element.hidden = value === undefined
    if (value === undefined) return
    if (choices) {
      const list = choices(now, source)
      const key = list.map((choice) => choice.id).join()
      if (key !== this.#options) {
        this.#options = key
        this.#input.replaceChildren(...list.map((choice) => h('option', {value: choice.id}, choice.label)))
      }
    }
    // never under the fingers of who is typing
    if (
      this.#input !== document.activeElement ||
      this.#input.value === '' ||
      choices ||
      Number(this.#input.value) !== Number(value)
    )
      this.#input.value = value
    this.element.classList.toggle('changed', settings[id] !== undefined)
  }
}

export function controlsSection(store: Store): HTMLElement {
  const {source, reason} = store.sourced
  const title = h('h2', {}, 'Change and compute again')
  if (!source) {
    const how = 'Live controls need a model of the catalog, or a page that `perf analyze … --report` wrote.'
    return h('section', {id: 'controls'}, title, h('p', {class: 'lead'}, `${reason} ${how}`))
  }
  const failure = h('p', {class: 'bad', role: 'alert'})
  const status = h('span', {class: 'status'})
  // always there: a region that appears with its text is not read out
  const announced = h('p', {class: 'offscreen', role: 'status'})
  const reset = h('button', {type: 'button', click: () => store.apply({})}, 'Reset')
  const state = h('p', {class: 'recomputed', hidden: true}, h('strong', {}, 'Recomputed here. '), status, ' ', reset)
  let pending: Settings | undefined
  const change = (id: string, value: string) => {
    const base = pending ?? store.state.settings
    const original = controls.find((control) => control.id === id)?.value(situationOf(source))
    const rest = Object.fromEntries(Object.entries(base).filter(([name]) => name !== id))
    // another model: dimensions and sizes of the one before mean nothing to it
    const next = id === 'model' ? {} : rest
    const first = pending === undefined
    pending = value === original && (id === 'model' || base.model === undefined) ? next : {...next, [id]: value}
    if (!first) return
    // once for all events of a frame
    requestAnimationFrame(() => {
      const settings = pending!
      pending = undefined
      store.apply(settings)
    })
  }
  const fields = new Map(controls.map((control) => [control.id, new Field(control, change)]))
  const show = () => {
    const now = store.more.source ?? source
    const {settings} = store.state
    for (const field of fields.values()) field.show(situationOf(now), settings, store.sourced.source ?? source)
    const names = controls.filter(({id}) => settings[id] !== undefined).map(({label}) => label.toLowerCase())
    state.hidden = names.length === 0
    status.textContent = `Changed: ${names.join(', ')}. The document in this page stays as it was.`
  }
  show()
  const complain = () => {
    failure.textContent = store.state.problem
  }
  complain()
  store.listen((_state, changed) => {
    if (changed.has('document')) {
      show()
      const {totals, summary} = store.document.result
      announced.textContent = `Computed again: at least ${format(totals.time.lower, 's')}. ${summary.limit}`
    }
    if (changed.has('problem')) complain()
  })
  return h(
    'section',
    {id: 'controls'},
    title,
    state,
    announced,
    failure,
    h(
      'div',
      {class: 'controls'},
      ...groups.map((group) =>
        h(
          'fieldset',
          {},
          h('legend', {}, group),
          ...controls.filter((control) => control.group === group).map((control) => fields.get(control.id)!.element),
        ),
      ),
    ),
  )
}
