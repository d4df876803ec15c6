/// <reference lib="dom" />
/** A chart with its words: for everyone, and for who cannot see it. */
import type {View} from '../../view.ts'
import {Chart} from '../chart.ts'
import {explanation, h} from '../dom.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {unbroken} from '../words.ts'

/** The figure, and how to start its chart once the figure is on the page and has a width. */
export function figureOf(view: View, store: Store, tooltip: Tooltip): {figure: HTMLElement; start: () => Chart} {
  const frame = h('div', {class: 'chart', 'data-view': view.id})
  const figure = h(
    'figure',
    {'aria-label': view.title},
    frame,
    h('figcaption', {}, h('p', {class: 'described'}, unbroken(view.describe(store.document.result)))),
    explanation(view.howToRead, view.assumptions),
  )
  return {figure, start: () => new Chart(frame, view, store, tooltip)}
}
