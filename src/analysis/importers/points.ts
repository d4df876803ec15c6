/** Measurements made elsewhere: every format one line, recognised by content. */
import {likwidBench} from './points/likwid-bench.ts'
import {likwidPerfctr} from './points/likwid-perfctr.ts'
import {nsight} from './points/nsight.ts'
import {parseOwn} from './points/own.ts'
import {fail, limits, type PointFormat, type PointOptions, type Points} from './points/shared.ts'

export {pointOf} from './points/own.ts'
export type {Point, PointOptions, Points} from './points/shared.ts'

/** Formats of other tools; what none of them claims is our own CSV or JSON. */
export const pointFormats = {nsight, likwidPerfctr, likwidBench} as const satisfies Record<string, PointFormat>

/**
 * Reads measured points.
 * @param origin what messages call the text
 * @throws AnalysisError `bad-points` naming the place and what is wrong, `bad-json`
 */
export function parsePoints(text: string, origin: string, options: PointOptions = {}): Points {
  const place = origin.length > 200 ? `…${origin.slice(-199)}` : origin
  if (text.length > limits.characters)
    fail(place, `has ${text.length} characters; at most ${limits.characters} are allowed`, ['split the file'])
  const plain = text.replace(/^\uFEFF/, '')
  const format = Object.values<PointFormat>(pointFormats).find(({sniff}) => sniff(plain))
  return format ? format.parse(plain, place, options) : parseOwn(plain, place, options)
}
