/// <reference lib="dom" />
/** The first screen of a page of measured points: what limits them, how far they are from their roofs, which lose most time. */
import type {PlacedPoint} from '../../../src/analysis/document/placement.ts'
import {format, formatCount, formatShare} from '../../../src/analysis/units.ts'
import type {PlacementDocument} from '../../placement.ts'
import {h} from '../dom.ts'
import {unbroken} from '../words.ts'
import {CHANGES, question, warningsList} from './answer.ts'

const sum = (points: readonly PlacedPoint[], value: (point: PlacedPoint) => number) =>
  points.reduce((all, point) => all + value(point), 0)

const many = (count: number) => `${formatCount(count)} ${count === 1 ? 'point' : 'points'}`

/** Points that say something: a wrong or an implausible one does not. */
const believed = (points: readonly PlacedPoint[]) =>
  points.filter(({verdict}) => verdict === 'ok' || verdict === 'noisy' || verdict === 'throttled')

function limits({machine}: PlacementDocument['result'], points: readonly PlacedPoint[]): string {
  const kinds = new Map(machine.ceilings.map(({id, kind}) => [id, kind]))
  const [seconds, waiting] = [
    sum(points, (p) => p.seconds),
    points.filter(({bound}) => kinds.get(bound) === 'bandwidth'),
  ]
  const share = sum(waiting, (p) => p.seconds) / seconds
  return (
    `${share >= 0.5 ? 'Memory' : 'Arithmetic'}: ${formatShare(share >= 0.5 ? share : 1 - share)} of the measured time is ` +
    `under ${share >= 0.5 ? 'a bandwidth' : 'a peak'}. Memory limits ${many(waiting.length)}, arithmetic ${formatCount(points.length - waiting.length)}.`
  )
}

function distance(points: readonly PlacedPoint[]): string {
  const [seconds, least] = [sum(points, (p) => p.seconds), sum(points, (p) => p.least)]
  const near = points.filter(({efficiency}) => efficiency >= 0.8).length
  return `${format(seconds, 's')} measured, at least ${format(least, 's')} under the roof: ${formatShare(least / seconds)} of it is reached. ${formatCount(near)} of ${many(points.length)} reach 80 % or more.`
}

export function pointsAnswer({result, warnings}: PlacementDocument): HTMLElement {
  const points = believed(result.points)
  const losses = points
    .map((point) => ({...point, loses: point.seconds - point.least}))
    .filter(({loses}) => loses > 0)
    .sort((a, b) => b.loses - a.loses)
    .slice(0, CHANGES)
  return h(
    'section',
    {id: 'answer', 'aria-label': 'The answer in words'},
    points.length > 0 &&
      h(
        'div',
        {class: 'answers'},
        question('What limits it', limits(result, points)),
        question('How far from the roof', distance(points)),
        h(
          'div',
          {class: 'answer'},
          h('h3', {}, 'What to change first'),
          losses.length === 0 && h('p', {}, 'Every point reaches its roof: change the counts, not the code.'),
          h(
            'ol',
            {class: 'changes'},
            ...losses.map(({name, efficiency, bound, loses}) =>
              h(
                'li',
                {},
                h('strong', {}, unbroken(`saves at most ${format(loses, 's')}`)),
                unbroken(` ${name} reaches ${formatShare(efficiency)} of its roof (${bound}).`),
              ),
            ),
          ),
        ),
      ),
    warningsList(warnings),
  )
}
