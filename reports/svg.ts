/** One view as an SVG picture, without a browser: for `perf report --format svg` and for documents. */
import {AnalysisError} from '../src/analysis/errors.ts'
import {defaultState, fillSpec, relayout} from './chart/draw.ts'
import {chartThemes, type ThemeName} from './chart/theme.ts'
import {compileView} from './compile.ts'
import {type Extras, moreOf, sourceOf} from './live/source.ts'
import {type Subject, shownOf} from './shown.ts'
import type {View} from './view.ts'
import {views} from './views/index.ts'

export interface SvgOptions {
  readonly theme?: ThemeName
  /** outer width, px */
  readonly width?: number
  /** what a page embeds beside its document */
  readonly extras?: Extras
}

/** What a document without a workload can show, and what it holds instead. */
const instead: Readonly<Record<Exclude<Subject, 'analysis'>, {views: readonly (keyof typeof views)[]; holds: string}>> =
  {
    points: {views: ['roofline', 'timings', 'pairs', 'blocks'], holds: 'measured points'},
    machine: {views: ['roofline', 'profiles', 'caches', 'sustained', 'noise'], holds: 'a machine'},
  }

/** Why a document of this kind cannot show a view; `undefined` where it may. */
function unfit(subject: Subject, view: string): string | undefined {
  if (subject === 'analysis') return undefined
  const {views: fitting, holds} = instead[subject]
  return (fitting as readonly string[]).includes(view) ? undefined : `it holds ${holds}, not a workload`
}

/**
 * Draws one view of a document. Loads Vega and Vega-Lite when called, and only then.
 * @throws AnalysisError `bad-document`, or `bad-flag` for an unknown view
 */
export async function renderSvg(document: unknown, view = 'roofline', options: SvgOptions = {}): Promise<string> {
  const chosen: View | undefined = Object.hasOwn(views, view) ? views[view as keyof typeof views] : undefined
  if (!chosen) {
    throw new AnalysisError('bad-flag', `there is no view "${view}"`, [`use one of ${Object.keys(views).join(', ')}`])
  }
  const {document: shown, extras, subject} = shownOf(document, options.extras ?? {})
  const {result} = shown
  const source = subject === 'analysis' ? sourceOf(shown, extras).source : undefined
  const more = moreOf(shown, extras, source, subject)
  const missing = unfit(subject, view) ?? chosen.missing?.(result, more)
  if (missing !== undefined) {
    throw new AnalysisError('bad-document', `the document does not hold what the view ${view} shows: ${missing}`, [
      'use --view roofline',
    ])
  }
  const [vega, compiled] = await Promise.all([import('vega'), compileView(chosen)])
  const inputs = chosen.inputs(result, defaultState(result, extras.runs), more)
  const what = subject === 'analysis' ? `${result.model.name}, ${result.workload.phase},` : result.model.name
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
