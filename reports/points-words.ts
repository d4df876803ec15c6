/** What a page of measured points says of them in words. Pure. */
import type {PlacedPoint, Placement} from '../src/analysis/document/placement.ts'
import {format, formatCount, formatShare} from '../src/analysis/units.ts'

const sum = (points: readonly PlacedPoint[], value: (point: PlacedPoint) => number) =>
  points.reduce((all, point) => all + value(point), 0)

const many = (count: number) => `${formatCount(count)} ${count === 1 ? 'point' : 'points'}`

/** Points that say something: a wrong or an implausible one does not. */
export const believed = (points: readonly PlacedPoint[]): PlacedPoint[] =>
  points.filter(({verdict}) => verdict === 'ok' || verdict === 'noisy' || verdict === 'throttled')

/** Whether memory or arithmetic has most of the measured time. @param points at least one */
export function limitOf({machine}: Pick<Placement, 'machine'>, points: readonly PlacedPoint[]): string {
  const kinds = new Map(machine.ceilings.map(({id, kind}) => [id, kind]))
  const waiting = points.filter(({bound}) => kinds.get(bound) === 'bandwidth')
  const share = sum(waiting, (p) => p.seconds) / sum(points, (p) => p.seconds)
  const [name, most, roof] =
    share >= 0.5 ? (['Memory', share, 'a bandwidth'] as const) : (['Arithmetic', 1 - share, 'a peak'] as const)
  return (
    `${name}: ${formatShare(most)} of the measured time is under ${roof}. ` +
    `Memory limits ${many(waiting.length)}, arithmetic ${formatCount(points.length - waiting.length)}.`
  )
}

/**
 * How much of the roof all of them reach together.
 * @param points at least one
 * @param omitted points that say nothing, of which the reader sees the signs
 */
export function distanceOf(points: readonly PlacedPoint[], omitted = 0): string {
  const [seconds, least] = [sum(points, (p) => p.seconds), sum(points, (p) => p.least)]
  const near = points.filter(({efficiency}) => efficiency >= 0.8).length
  return `${format(seconds, 's')} measured, at least ${format(least, 's')} under the roof: ${formatShare(least / seconds)} of it is reached. ${formatCount(near)} of ${many(points.length)} reach 80 % or more.${omitted > 0 ? ` ${many(omitted)} of ${formatCount(points.length + omitted)} ${omitted === 1 ? 'is' : 'are'} wrong or implausible, and not counted here.` : ''}`
}

/** Points with the seconds that they would save under their roof, the most first. */
export const lossesOf = (points: readonly PlacedPoint[], most: number): (PlacedPoint & {loses: number})[] =>
  points
    .map((point) => ({...point, loses: point.seconds - point.least}))
    .filter(({loses}) => loses > 0)
    .sort((a, b) => b.loses - a.loses)
    .slice(0, most)
