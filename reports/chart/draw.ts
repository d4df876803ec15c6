/** Fills a compiled spec with rows and signals, and lays out what depends on pixels. Undocumented Vega names stay here. */
import type {Spec, View as VegaView} from 'vega'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import type {Zoom} from '../live/address.ts'
import type {View, ViewInputs, ViewState} from '../view.ts'
import {type Arrow, type Drawn, layoutArrows, layoutRoofline, type SideLine} from './layout.ts'
import type {Move, Point} from './points.ts'
import type {Plot, Scale} from './roof-labels.ts'
import {type RoofLine, roofLines} from './roofs.ts'
import type {Run} from './runs.ts'
import type {Stretch} from './stretches.ts'
import type {ChartTheme} from './theme.ts'

/** What is on when a page opens: the ceilings that matter to the workload and to runs that are drawn beside it, every class. */
export function defaultState(analysis: Analysis, runs: readonly BenchKernel[] = []): ViewState {
  const bounds = new Set(runs.map((run) => run.bound))
  return {
    ceilings: roofLines(analysis)
      .filter((line) => line.relevant || line.ceilings.some((id) => bounds.has(id)))
      .map((line) => line.id),
    hidden: [],
    moves: false,
    level: '',
    levels: false,
    search: '',
    isolated: '',
    group: 'operator',
  }
}

export interface FillOptions {
  readonly theme: ChartTheme
  /** outer, px */
  readonly width: number
  /** false where the page draws the legend itself, with switches */
  readonly legend: boolean
  /** a picture that stands alone carries its title; on the page it is a heading */
  readonly title?: string
}

/** A spec ready to run: a copy, the compiled one is left as it is. */
export function fillSpec(view: View, compiled: Spec, inputs: ViewInputs, options: FillOptions): Spec {
  const signals = {...inputs.signals, theme: options.theme}
  const spec: Spec = {
    ...compiled,
    data: (compiled.data ?? []).map((set) => {
      const rows = inputs.data[set.name]
      return rows ? {...set, values: rows.map((row) => ({...row}))} : set
    }) as NonNullable<Spec['data']>,
    signals: (compiled.signals ?? []).map((signal) =>
      signal.name in signals ? {...signal, value: signals[signal.name as keyof typeof signals]} : signal,
    ) as NonNullable<Spec['signals']>,
  }
  const margins = view.margins(options.width)
  spec.width = options.width - margins.left - margins.right
  // on the page the margins hold; a picture that stands alone grows around its title and legend
  spec.autosize = options.title === undefined ? 'none' : 'pad'
  spec.padding = options.title === undefined ? margins : {left: 12, right: 20, top: 12, bottom: 12}
  if (inputs.height !== undefined) spec.height = inputs.height
  if (options.title) {
    const key = 'filled: what the roof allows; hollow: measured, joined to the tick of its roof'
    const subtitle = inputs.data.runs?.length
      ? {subtitle: key, subtitleColor: options.theme.muted, subtitleFontSize: 12}
      : {}
    spec.title = {
      ...{text: options.title, anchor: 'start', fontSize: 15, offset: 14, color: options.theme.ink},
      ...subtitle,
    }
  }
  if (!options.legend) delete spec.legends
  return spec
}

type Rows<T> = readonly T[]

const shown = <T extends {readonly faded?: boolean}>(rows: unknown): T[] =>
  (rows as Rows<T>).filter((row) => !row.faded)

const layoutSides = ({roofs, shifts, pairs}: ViewInputs['data'], plot: Plot) => ({
  ...layoutArrows(plot, roofs as Rows<SideLine>, shifts as Rows<Stretch>, pairs as Rows<Arrow>),
})

/** What is placed once the size of a chart is known, by its view: rows by data set. */
const layouts: Readonly<Record<string, (data: ViewInputs['data'], plot: Plot) => Record<string, readonly object[]>>> = {
  roofline: (data, plot) => ({
    ...layoutRoofline(plot, data.lines as Rows<RoofLine>, {
      points: shown<Point>(data.dots),
      runs: shown<Run>(data.runs),
      joints: data.joints as Rows<Run>,
      moves: data.moves as Rows<Move>,
      ridge: (data.ridge as Rows<Drawn['ridge']>)[0]!,
    }),
  }),
  comparison: layoutSides,
  timings: layoutSides,
  profiles: layoutSides,
}

/**
 * Places names and ceiling labels for the present size and zoom; most views have none.
 * @returns whether the chart has to run again
 */
export function relayout(chart: VegaView, view: View, inputs: ViewInputs): boolean {
  const layout = layouts[view.id]
  if (!layout) return false
  const [x, y] = [chart.scale('x') as Scale, chart.scale('y') as Scale]
  const rows = layout(inputs.data, {width: chart.signal('width'), height: chart.signal('height'), x, y})
  for (const [name, labels] of Object.entries(rows)) {
    chart.data(
      name,
      labels.map((label) => ({...label})),
    )
  }
  return true
}

/** Signals that change when a reader zooms or pans (Vega-Lite names them `<parameter>_<field>`, undocumented). */
export const zoomSignals = ['zoom_intensity', 'zoom_performance'] as const

const domainOf = (chart: VegaView, scale: 'x' | 'y'): [number, number] =>
  (chart.scale(scale) as unknown as {domain(): [number, number]}).domain()

/** What a reader has zoomed to: intensities and rates; `undefined` is the frame. */
export function zoomOf(chart: VegaView): Zoom | undefined {
  const [x, y] = zoomSignals.map((signal) => chart.signal(signal) as unknown)
  const range = (value: unknown): value is [number, number] => Array.isArray(value) && value.length === 2
  return range(x) && range(y)
    ? [
        [Math.min(...x), Math.max(...x)],
        [Math.min(...y), Math.max(...y)],
      ]
    : undefined
}

/** Shows a part of the chart, or its frame. */
export function setZoom(chart: VegaView, zoom: Zoom | undefined): void {
  zoomSignals.forEach((signal, i) => {
    chart.signal(signal, zoom ? [...zoom[i]!] : null)
  })
}

/** Zooms about the middle: `factor` below 1 shows less. `undefined` returns to the frame. */
export function zoomBy(chart: VegaView, factor: number | undefined): void {
  zoomSignals.forEach((signal, i) => {
    if (factor === undefined) {
      chart.signal(signal, null)
      return
    }
    const [low, high] = domainOf(chart, i === 0 ? 'x' : 'y').map(Math.log10) as [number, number]
    const middle = (low + high) / 2
    const half = ((high - low) / 2) * factor
    chart.signal(signal, [10 ** (middle - half), 10 ** (middle + half)])
  })
}

/** Shows the part of the plot between two corners, px of the plotting area. */
export function zoomTo(chart: VegaView, from: readonly [number, number], to: readonly [number, number]): void {
  zoomSignals.forEach((signal, i) => {
    const scale = chart.scale(i === 0 ? 'x' : 'y') as Scale
    const values = [scale.invert(from[i]!), scale.invert(to[i]!)]
    chart.signal(signal, [Math.min(...values), Math.max(...values)])
  })
}

/** Moves the part that is shown by shares of its width and height: to higher intensity, to higher performance. */
export function panBy(chart: VegaView, right: number, up: number): void {
  zoomSignals.forEach((signal, i) => {
    const [low, high] = domainOf(chart, i === 0 ? 'x' : 'y').map(Math.log10) as [number, number]
    const by = (high - low) * (i === 0 ? right : up)
    chart.signal(signal, [10 ** (low + by), 10 ** (high + by)])
  })
}
