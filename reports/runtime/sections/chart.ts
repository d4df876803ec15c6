/// <reference lib="dom" />
/** Sections that are one chart. */
import type {View} from '../../view.ts'
import type {Chart} from '../chart.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {figureOf} from './figure.ts'

export function chartSection(view: View, store: Store, tooltip: Tooltip): {element: HTMLElement; start: () => Chart} {
  const {figure, start} = figureOf(view, store, tooltip)
  return {element: h('section', {id: view.id}, h('h2', {}, view.title), figure), start}
}
