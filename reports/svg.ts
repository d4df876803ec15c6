/** One view as an SVG picture, without a browser: for `perf report --format svg` and for documents. */
import {AnalysisError} from '../src/analysis/errors.ts'
import {defaultState, fillSpec, relayout} from './chart/draw.ts'
import {chartThemes, type ThemeName} from './chart/theme.ts'
import {compileView} from './compile.ts'
import {type Extras, moreOf, sourceOf} from './live/source.ts'
import {shownOf} from './placement.ts'
import type {View} from './view.ts'
import {views} from './views/index.ts'

export interface SvgOptions {
  readonly theme?: ThemeName
  /** outer width, px */
  readonly width?: number
  /** what a page embeds beside its document */
  readonly extras?: Extras
}

/** Views of measured points alone. */
const ofPoints: readonly string[] = ['roofline', 'pairs', 'blocks'] satisfies (keyof typeof views)[]

/**
 * Draws one view of a document. Loads Vega and Vega-Lite when called, and only then.
 * @throws AnalysisError `bad-document`, or `bad-flag` for an unknown view
 */
export async function renderSvg(document: unknown, view = 'roofline', options: SvgOptions = {}): Promise<string> {
  const chosen: View | undefined = Object.hasOwn(views, view) ? views[view as keyof typeof views] : undefined
  if (!chosen) {
    throw new AnalysisError('bad-flag', `there is no view "${view}"`, [`use one of ${Object.keys(views).join(', ')}`])
  }
  const {document: shown, extras, placement} = shownOf(document, options.extras ?? {})
  const {result} = shown
  const more = moreOf(shown, extras, placement ? undefined : sourceOf(shown, extras).source, placement !== undefined)
  const missing =
    placement && !ofPoints.includes(view) ? 'it holds measured points, not a workload' : chosen.missing?.(result, more)
  if (missing !== undefined) {
    throw new AnalysisError('bad-document', `the document does not hold what the view ${view} shows: ${missing}`, [
      'use --view roofline',
    ])
  }
  const [vega, compiled] = await Promise.all([import('vega'), compileView(chosen)])
  const inputs = chosen.inputs(result, defaultState(result, extras.runs), more)
  const what = placement ? result.model.name : `${result.model.name}, ${result.workload.phase},`
  const title = `${chosen.title}: ${what} on ${result.machine.name}`
  const spec = fillSpec(chosen, compiled, inputs, {
    theme: chartThemes[options.theme ?? 'light'],
    width: options.width ?? 960,
    legend: true,
    title,
  })
  const chart = new vega.View(vega.parse(spec), {renderer: 'none', logLevel: vega.Error})
  try {
    chart.description(chosen.describe(result, more))
    await chart.runAsync()
    if (relayout(chart, chosen, inputs)) await chart.runAsync()
    return await chart.toSVG()
  } finally {
    chart.finalize()
  }
}
