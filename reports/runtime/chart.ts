/// <reference lib="dom" />
/** One running chart: follows the page's size, theme and choices. */

import {specs} from 'ridgepoint:specs'
import {Error as errorLevel, parse, View as VegaView} from 'vega'
import {expressionInterpreter} from 'vega-interpreter'
import {fillSpec, relayout, update, zoomBy, zoomSignals} from '../chart/draw.ts'
import {chartThemes} from '../chart/theme.ts'
import type {View, ViewInputs} from '../view.ts'
import type {Store} from './state.ts'
import {describeOperator, type Tooltip} from './tooltip.ts'

/** Below this width, names get less room and charts less height. */
const NARROW = 520

export class Chart {
  readonly #chart: VegaView
  readonly #view: View
  readonly #store: Store
  readonly #signals: ReadonlySet<string>
  #inputs: ViewInputs
  #queue: Promise<void> = Promise.resolve()
  #pending = false

  constructor(container: HTMLElement, view: View, store: Store, tooltip: Tooltip) {
    const {result} = store.document
    this.#view = view
    this.#store = store
    this.#inputs = view.inputs(result, store.state.view)
    const spec = fillSpec(specs[view.id]!, this.#inputs, {
      theme: chartThemes[store.state.theme],
      width: Math.max(240, container.clientWidth),
      legend: view.id !== 'roofline',
    })
    this.#signals = new Set((spec.signals ?? []).map((signal) => signal.name))
    // a parsed expression is walked, not compiled: the page's policy forbids eval
    this.#chart = new VegaView(parse(spec, undefined, {ast: true}), {
      expr: expressionInterpreter,
      renderer: 'svg',
      container,
      logLevel: errorLevel,
      tooltip: (_handler, event, _item, value) => {
        const op = value === null || value === '' ? undefined : result.operators.find((o) => o.id === value)
        if (op) tooltip.show(describeOperator(op, store.document), event.clientX, event.clientY)
        else tooltip.hide()
      },
    })
    this.#chart.description(view.describe(result))
    this.#chart.addEventListener('click', (_event, item) => {
      const id = (item?.datum as {id?: unknown} | undefined)?.id
      if (typeof id === 'string' && result.operators.some((op) => op.id === id)) {
        store.set({picked: store.state.picked === id ? '' : id})
      }
    })
    container.addEventListener('pointerleave', () => {
      tooltip.hide()
      this.#engage(false)
    })
    container.addEventListener('pointerdown', () => this.#engage(true))
    for (const name of zoomSignals) {
      if (this.#signals.has(name)) this.#chart.addSignalListener(name, () => this.#later())
    }
    store.listen((state, changed) => {
      if (changed.has('view')) {
        this.#inputs = view.inputs(result, state.view)
        update(this.#chart, this.#inputs)
      }
      if (changed.has('theme')) this.#chart.signal('theme', chartThemes[state.theme])
      if (changed.has('picked') && this.#signals.has('picked')) this.#chart.signal('picked', state.picked)
      this.draw()
    })
    new ResizeObserver(() => this.#resize(container)).observe(container)
    this.#resize(container)
  }

  /** Resolves when everything asked for is on the page. */
  get ready(): Promise<void> {
    return this.#queue
  }

  /** Runs the chart, then places what depends on its pixels. */
  draw(): void {
    this.#queue = this.#queue.then(async () => {
      await this.#chart.runAsync()
      if (relayout(this.#chart, this.#view, this.#store.document.result, this.#inputs)) await this.#chart.runAsync()
    })
  }

  zoom(factor: number | undefined): void {
    zoomBy(this.#chart, factor)
    this.draw()
  }

  /** The chart as it stands, as an SVG document. */
  toSvg(): Promise<string> {
    return this.#chart.toSVG()
  }

  #engage(on: boolean): void {
    if (this.#signals.has('engaged')) this.#chart.signal('engaged', on).runAsync()
  }

  /** Labels follow a zoom at the next frame, once for all events before it. */
  #later(): void {
    if (this.#pending) return
    this.#pending = true
    requestAnimationFrame(() => {
      this.#pending = false
      this.draw()
    })
  }

  #resize(container: HTMLElement): void {
    const width = container.clientWidth
    if (width < 50) return
    this.#chart.width(width)
    if (this.#view.id === 'roofline')
      this.#chart.height(width < NARROW ? 430 : Math.min(640, Math.max(480, width * 0.5)))
    if (this.#signals.has('labelRoom')) this.#chart.signal('labelRoom', width < NARROW ? 120 : 260)
    this.draw()
  }
}
