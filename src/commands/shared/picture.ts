/** One view of a document as a picture. Loads Vega, and for PNG a rasterizer, when called. */
import type {Extras} from '../../../reports/live/source.ts'
import {AnalysisError} from '../../analysis/errors.ts'

export interface Picture {
  /** what the page of the document embeds beside it */
  readonly extras?: Extras
  readonly theme: 'light' | 'dark'
  readonly view: string
}

/** pixels per CSS pixel: sharp on today's screens and in print */
const zoom = 2

/** @throws AnalysisError `no-rasterizer` where the rasterizer of PNG is not installed; what `renderSvg` throws */
export async function renderPicture(
  format: 'svg' | 'png',
  document: unknown,
  {theme, view, extras}: Picture,
): Promise<string | Buffer> {
  const {renderSvg} = await import('../../../reports/svg.ts')
  const svg = await renderSvg(document, view, {theme, ...(extras ? {extras} : {})})
  if (format === 'svg') return svg
  let Resvg: typeof import('@resvg/resvg-js').Resvg
  try {
    ;({Resvg} = await import('@resvg/resvg-js'))
  } catch {
    throw new AnalysisError('no-rasterizer', 'PNG needs the package @resvg/resvg-js, which is not installed here', [
      'npm install @resvg/resvg-js',
      'or use --format svg',
    ])
  }
  const image = new Resvg(svg, {
    fitTo: {mode: 'zoom', value: zoom},
    font: {loadSystemFonts: true, defaultFontFamily: 'sans-serif'},
  })
  return image.render().asPng()
}
