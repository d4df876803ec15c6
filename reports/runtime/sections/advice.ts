/// <reference lib="dom" />
/** What to change, largest saving first; and what the whole page rests on. */
import {format, formatShare} from '../../../src/analysis/units.ts'
import type {ReportDocument} from '../../document.ts'
import {h} from '../dom.ts'
import {unbroken} from '../words.ts'

export function adviceSection(document: ReportDocument): HTMLElement {
  const {advice, totals} = document.result
  const items = advice.map(({rule, operator, message, saves}) =>
    h(
      'li',
      {},
      h(
        'span',
        {class: 'saves'},
        saves === null ? '' : `saves ${format(saves, 's')}`,
        saves !== null &&
          totals.time.lower > 0 &&
          h('span', {class: 'note'}, ` ${formatShare(saves / totals.time.lower)} of the time`),
      ),
      h('span', {}, unbroken(message)),
      h('span', {class: 'note'}, operator === null ? rule : `${rule}, ${operator}`),
    ),
  )
  return h(
    'section',
    {id: 'advice'},
    h('h2', {}, 'What to change'),
    items.length > 0
      ? h('ol', {class: 'advice'}, ...items)
      : h('p', {}, 'No rule finds anything that would save time under these ceilings.'),
  )
}

export function assumptionsSection(document: ReportDocument): HTMLElement {
  const {assumptions, model, workload, totals} = document.result
  const {dtype} = workload
  const reasons = Object.entries(totals.reasons)
  return h(
    'section',
    {id: 'assumptions'},
    h('h2', {}, 'What this rests on'),
    h(
      'ul',
      {},
      ...assumptions.map((text) => h('li', {}, text)),
      h('li', {}, `weights in ${dtype.weights}, activations in ${dtype.activations}, KV cache in ${dtype.kv}`),
      h('li', {}, `model: ${model.name}, ${model.source}`),
    ),
    reasons.length > 0 && h('h3', {}, 'What is left out, and why'),
    reasons.length > 0 &&
      h('ul', {}, ...reasons.map(([field, reason]) => h('li', {}, h('code', {}, field), `: ${reason}`))),
  )
}
