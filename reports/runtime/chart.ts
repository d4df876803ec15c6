/// <reference lib="dom" />
/** One running chart: follows the page's size, theme and choices. */

import {specs} from 'ridgepoint:specs'
import {Error as errorLevel, parse, View as VegaView} from 'vega'
import {expressionInterpreter} from 'vega-interpreter'
import {fillSpec, panBy, relayout, setZoom, zoomBy, zoomOf, zoomSignals, zoomTo} from '../chart/draw.ts'
import {GUTTER} from '../chart/roof-labels.ts'
import {chartThemes} from '../chart/theme.ts'
import type {Zoom} from '../live/address.ts'
import {NARROW, type View, type ViewInputs} from '../view.ts'
import {h} from './dom.ts'
import {update} from './rows.ts'
import type {Store} from './state.ts'
import {describeOperator, type Tooltip} from './tooltip.ts'

const sameZoom = (a: Zoom | undefined, b: Zoom | undefined): boolean => String(a) === String(b)

/** px between the margins of A4 or Letter: charts are drawn for it, so that their text stays as large as the page's. */
const PAPER = 700

/** px of a chart on one sheet: what Letter's 279 mm leave between margins, under a heading. */
const SHEET = 860

/** Rows above which a chart is drawn as pixels. The table has every row for who cannot see them; saved pictures stay vectors. */
const MOST_ELEMENTS = 5000

const rowsOf = ({data}: ViewInputs): number => Object.values(data).reduce((sum, rows) => sum + rows.length, 0)

export class Chart {
  readonly #chart: VegaView
  readonly #view: View
  readonly #store: Store
  readonly #container: HTMLElement
  readonly #signals: ReadonlySet<string>
  readonly #heavy: boolean
  #inputs: ViewInputs
  #queue: Promise<void> = Promise.resolve()
  #pending = false
  /** rows and signals are those of an older state */
  #stale = false
  #near = true
  /** has run once */
  #opened = false
  /** something was asked for while the chart was out of sight */
  #late = false
  /** its scales are those of an older size, frame or zoom until it runs */
  #moving = true

  constructor(container: HTMLElement, view: View, store: Store, tooltip: Tooltip) {
    this.#view = view
    this.#store = store
    this.#container = container
    this.#inputs = this.#fresh()
    this.#heavy = rowsOf(this.#inputs) > MOST_ELEMENTS
    const spec = fillSpec(view, specs[view.id]!, this.#inputs, {
      theme: chartThemes[store.state.theme],
      width: Math.max(240, container.clientWidth),
      legend: view.id !== 'roofline',
    })
    this.#signals = new Set((spec.signals ?? []).map((signal) => signal.name))
    // a parsed expression is walked, not compiled: the page's policy forbids eval
    this.#chart = new VegaView(parse(spec, undefined, {ast: true}), {
      expr: expressionInterpreter,
      // an element for each of 10,000 points takes a second a frame while a reader pans; as pixels a tenth of that
      renderer: this.#heavy ? 'canvas' : 'svg',
      container,
      logLevel: errorLevel,
      tooltip: (_handler, event, _item, value) => {
        const op = value === null || value === '' ? undefined : this.#operator(value)
        const text = typeof value === 'string' && value !== '' ? h('p', {}, value) : undefined
        const content = op ? describeOperator(op, store.document, store.more.points) : text
        if (content) tooltip.show(content, event.clientX, event.clientY)
        else tooltip.hide()
      },
    })
    this.#describe()
    this.#chart.addEventListener('click', (_event, item) => {
      const id = (item?.datum as {id?: unknown} | undefined)?.id
      if (typeof id === 'string' && this.#operator(id)) {
        store.set({picked: store.state.picked === id ? '' : id})
      }
    })
    let engaged = false
    container.addEventListener('pointerleave', () => {
      tooltip.hide()
      engaged = false
    })
    container.addEventListener('pointerdown', () => {
      engaged = true
    })
    // a wheel over a chart scrolls the page until the reader has clicked the chart, or holds a key. This is not a filter of
    // the spec: the interpreter gives event filters no signals
    container.addEventListener(
      'wheel',
      (event) => {
        if (!engaged && !event.ctrlKey && !event.metaKey) event.stopPropagation()
      },
      {capture: true},
    )
    if (this.#signals.has('picked')) this.#chart.signal('picked', store.state.picked)
    const followed = ['view', 'document', 'theme', 'picked'] as const
    store.listen((state, changed) => {
      const zoomed = this.#zooms && changed.has('zoom') && !sameZoom(state.zoom, zoomOf(this.#chart))
      if (zoomed) this.#rescale(() => setZoom(this.#chart, state.zoom))
      if (!zoomed && !followed.some((name) => changed.has(name))) return
      if (changed.has('view') || changed.has('document')) this.#stale = true
      if (changed.has('document')) this.#describe()
      if (changed.has('theme')) this.#chart.signal('theme', chartThemes[state.theme])
      if (changed.has('picked') && this.#signals.has('picked')) this.#chart.signal('picked', state.picked)
      this.draw()
    })
    // what nobody sees is drawn when it comes near
    new IntersectionObserver(
      ([entry]) => {
        this.#near = entry!.isIntersecting
        if (this.#near && this.#late) this.draw()
      },
      {rootMargin: '400px'},
    ).observe(container)
    addEventListener('afterprint', () => {
      this.#dropSheets()
      this.#resize(container)
    })
    // a chart drawn for paper is lower, too: that alone must not bring it back before it is printed
    let width = container.clientWidth
    new ResizeObserver(() => {
      if (container.clientWidth === width) return
      width = container.clientWidth
      this.#resize(container)
    }).observe(container)
    this.#resize(container)
  }

  /** so many points that it is drawn as pixels */
  get isHeavy(): boolean {
    return this.#heavy
  }

  /** Resolves when everything asked for is on the page. */
  get ready(): Promise<void> {
    return this.#queue
  }

  /** Runs the chart, then places what depends on its pixels. */
  draw(): void {
    this.#late = this.#stale && !this.#near
    if (this.#late) return
    this.#queue = this.#queue.then(async () => {
      if (this.#stale) {
        this.#stale = false
        const {frameX, frameY} = this.#inputs.signals
        this.#inputs = this.#fresh()
        const {signals} = this.#inputs
        this.#moving ||= String([frameX, frameY]) !== String([signals.frameX, signals.frameY])
        update(this.#chart, this.#inputs)
      }
      // labels follow the scales: where those stay, labels and marks change in one run
      if (this.#moving) {
        this.#moving = false
        await this.#chart.runAsync()
        if (!this.#opened) await this.#open()
        if (!relayout(this.#chart, this.#view, this.#inputs)) return
      } else relayout(this.#chart, this.#view, this.#inputs)
      await this.#chart.runAsync()
    })
  }

  /** What the address says about the zoom: before its first run a chart overwrites the signals of its selections. */
  async #open(): Promise<void> {
    this.#opened = true
    if (!this.#zooms) return
    const {zoom} = this.#store.state
    if (zoom) {
      setZoom(this.#chart, zoom)
      await this.#chart.runAsync()
    }
    for (const name of zoomSignals) this.#chart.addSignalListener(name, () => this.#later())
  }

  /** Changes what the scales depend on. */
  #rescale(change: () => void): void {
    this.#moving = true
    change()
  }

  /**
   * Draws for paper. A browser lays the sheets out when the handlers of `beforeprint` have returned and what they left in promises is done;
   * what they leave for a timer or a frame comes too late.
   */
  async print(): Promise<void> {
    const width = this.#container.clientWidth
    if (width < 50) return
    if (this.#stale) {
      this.#stale = false
      this.#inputs = this.#fresh()
      update(this.#chart, this.#inputs)
    }
    this.#fit(Math.min(width, PAPER))
    await this.#chart.runAsync()
    if (!this.#opened) await this.#open()
    if (relayout(this.#chart, this.#view, this.#inputs)) await this.#chart.runAsync()
    this.#cutIntoSheets()
  }

  zoom(factor: number | undefined): void {
    this.#rescale(() => zoomBy(this.#chart, factor))
    this.draw()
  }

  /** Moves what is shown by shares of its size. */
  pan(right: number, up: number): void {
    this.#rescale(() => panBy(this.#chart, right, up))
    this.draw()
  }

  /** Moves what is shown as far as a pointer went, px. */
  dragged(right: number, down: number): void {
    this.pan(-right / (this.#chart.signal('width') - GUTTER), down / this.#chart.signal('height'))
  }

  /** Shows a box, px of the container. */
  zoomInto(from: readonly [number, number], to: readonly [number, number]): void {
    const {left, top} = this.#view.margins(this.#container.clientWidth)
    this.#rescale(() => zoomTo(this.#chart, [from[0] - left, from[1] - top], [to[0] - left, to[1] - top]))
    this.draw()
  }

  /** The chart as it stands, as an SVG document. */
  toSvg(): Promise<string> {
    return this.#chart.toSVG()
  }

  #fresh(): ViewInputs {
    return this.#view.inputs(this.#store.document.result, this.#store.state.view, this.#store.more)
  }

  #describe(): void {
    this.#chart.description(this.#view.describe(this.#store.document.result, this.#store.more))
  }

  /** whether wheel and drag change what is shown */
  get #zooms(): boolean {
    return zoomSignals.every((name) => this.#signals.has(name))
  }

  #operator(id: string) {
    return this.#store.document.result.operators.find((op) => op.id === id)
  }

  /** Labels follow a zoom at the next frame, once for all events before it. */
  #later(): void {
    if (this.#pending) return
    this.#pending = true
    requestAnimationFrame(() => {
      this.#pending = false
      this.#store.set({zoom: zoomOf(this.#chart)})
      this.draw()
    })
  }

  #dropSheets(): void {
    for (const sheet of this.#container.querySelectorAll('.sheet')) sheet.remove()
  }

  /** A chart of rows that is longer than a sheet is cut between rows: a browser cuts through names and points. */
  #cutIntoSheets(): void {
    this.#dropSheets()
    const {row} = this.#inputs
    const whole = this.#container.querySelector('svg')
    if (row === undefined || !whole) return
    const [, , width, height] = whole.getAttribute('viewBox')!.split(' ').map(Number) as [
      number,
      number,
      number,
      number,
    ]
    const {top} = this.#view.margins(width)
    const last = top + this.#chart.height()
    for (let from = 0; height > SHEET && from < height; ) {
      const rows = Math.max(1, Math.floor((from + SHEET - top) / row))
      // the axis stays with the last rows
      const to = top + rows * row >= last - row / 2 ? height : top + rows * row
      const sheet = whole.cloneNode(true) as SVGElement
      sheet.classList.add('sheet')
      sheet.setAttribute('viewBox', `0 ${from} ${width} ${to - from}`)
      sheet.setAttribute('height', String(to - from))
      this.#container.append(sheet)
      from = to
    }
  }

  #resize(container: HTMLElement): void {
    const width = container.clientWidth
    if (width < 50) return
    this.#fit(width)
    this.draw()
  }

  /** Sizes for an outer width, px. */
  #fit(width: number): void {
    this.#moving = true
    const margins = this.#view.margins(width)
    this.#chart.padding(margins)
    this.#chart.width(width - margins.left - margins.right)
    if (this.#view.id === 'roofline')
      this.#chart.height(width < NARROW ? 360 : Math.min(width > 2000 ? 840 : 600, Math.max(420, width * 0.42)))
    if (this.#signals.has('labelRoom')) this.#chart.signal('labelRoom', margins.left - 14)
  }
}
