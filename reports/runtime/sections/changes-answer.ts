/// <reference lib="dom" />
/** The first screen of a page of two measured documents: what changed beyond the noise, for the worse and for the better. */
import type {Change, Comparison} from '../../../src/analysis/document/comparison.ts'
import {formatShare} from '../../../src/analysis/units.ts'
import {h} from '../dom.ts'
import {unbroken} from '../words.ts'
import {CHANGES, question} from './answer.ts'
import {valueText} from './comparison.ts'

/** A rate is better the higher it is, a time the lower. */
const gain = ({ratio, unit}: Change): number => (unit === 's' ? 1 / ratio! : ratio!)

function amount({ratio, unit}: Change): string {
  const [high, more, less] = unit === 's' ? ['long', 'more time', 'less time'] : ['high', 'higher', 'lower']
  if (ratio! >= 2) return `${Number(ratio!.toPrecision(3))} times as ${high}`
  return `${formatShare(Math.abs(ratio! - 1))} ${ratio! > 1 ? more : less}`
}

function change(c: Change): HTMLElement {
  return h(
    'li',
    {},
    h('strong', {}, unbroken(amount(c))),
    unbroken(` ${c.subject}: ${valueText(c.before, c.unit)} → ${valueText(c.after, c.unit)} (${c.reason}).`),
  )
}

function list(title: string, changes: readonly Change[], none: string): HTMLElement {
  return h(
    'div',
    {class: 'answer'},
    h('h3', {}, title),
    changes.length === 0 && h('p', {}, none),
    h('ol', {class: 'changes'}, ...changes.slice(0, CHANGES).map(change)),
    changes.length > CHANGES && h('p', {}, `And ${changes.length - CHANGES} more, in the table.`),
  )
}

export function changesAnswer({changes, summary, before, after}: Comparison): HTMLElement {
  const meant = changes.filter(({significant, ratio}) => significant && ratio !== null)
  const [worse, better] = [meant.filter((c) => gain(c) < 1), meant.filter((c) => gain(c) > 1)]
  const alone = (reason: string) => changes.filter((c) => c.reason === reason).length
  const [gone, fresh] = [alone('only before'), alone('only after')]
  const lacks = [
    ...(gone > 0 ? [`${gone} figures are only in the document before`] : []),
    ...(fresh > 0 ? [`${fresh} only in the one after`] : []),
  ]
  return h(
    'section',
    {id: 'answer', 'aria-label': 'The answer in words'},
    h(
      'div',
      {class: 'answers'},
      question(
        'What changed',
        `${before.name} before, ${after.name} after. ${summary}${lacks.length > 0 ? ` ${lacks.join(', ')}.` : ''}`,
      ),
      list(
        'What got worse',
        worse.sort((a, b) => gain(a) - gain(b)),
        'Nothing beyond the noise of the measurement.',
      ),
      list(
        'What got better',
        better.sort((a, b) => gain(b) - gain(a)),
        'Nothing beyond the noise of the measurement.',
      ),
    ),
  )
}
