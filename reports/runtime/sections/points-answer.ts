/// <reference lib="dom" />
/** The first screen of a page of measured points: what limits them, how far they are from their roofs, which lose most time. */
import {format, formatShare} from '../../../src/analysis/units.ts'
import type {PlacementDocument} from '../../placement.ts'
import {believed, distanceOf, limitOf, lossesOf} from '../../points-words.ts'
import {h} from '../dom.ts'
import {unbroken} from '../words.ts'
import {CHANGES, question, warningsList} from './answer.ts'

export function pointsAnswer({result, warnings}: PlacementDocument): HTMLElement {
  const points = believed(result.points)
  const losses = lossesOf(points, CHANGES)
  return h(
    'section',
    {id: 'answer', 'aria-label': 'The answer in words'},
    points.length > 0 &&
      h(
        'div',
        {class: 'answers'},
        question('What limits it', limitOf(result, points)),
        question('How far from the roof', distanceOf(points, result.points.length - points.length)),
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
