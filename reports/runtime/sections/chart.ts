/// <reference lib="dom" />
/** Sections that are one chart. A page without what the chart needs says so, in a line. */
import type {View} from '../../view.ts'
import type {Chart} from '../chart.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {figureOf} from './figure.ts'

export interface Section {
  readonly element: HTMLElement
  /** Starts the chart once the section is on the page. */
  readonly start: () => Chart
  /** buttons above the chart */
  readonly tools: HTMLElement
}

/** @param silent a section that is left out, not excused, where its data is missing */
export function chartSection(view: View, store: Store, tooltip: Tooltip, silent = false): Section {
  const {figure, tools, start} = figureOf(view, store, tooltip)
  const excuse = h('p', {class: 'lead'})
  const element = h('section', {id: view.id}, h('h2', {}, view.title), excuse, figure)
  const check = () => {
    const missing = view.missing?.(store.document.result, store.more)
    excuse.textContent = missing === undefined ? '' : `Not shown: ${missing}.`
    excuse.hidden = missing === undefined
    figure.hidden = missing !== undefined
    element.hidden = silent && missing !== undefined
  }
  check()
  store.listen((_state, changed) => changed.has('document') && check())
  return {element, tools, start}
}
