/// <reference lib="dom" />
/** A chart with its words and its ways out: for everyone, and for who cannot see it. */
import type {View} from '../../view.ts'
import {Chart} from '../chart.ts'
import {explanation, h, save, saveBlob} from '../dom.ts'
import {pngOf} from '../png.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {unbroken} from '../words.ts'

export interface Figure {
  readonly figure: HTMLElement
  /** what the chart is drawn in */
  readonly frame: HTMLElement
  /** buttons above the chart; sections put their own in front */
  readonly tools: HTMLElement
  /** Starts the chart once the figure is on the page and has a width. */
  readonly start: () => Chart
}

export function figureOf(view: View, store: Store, tooltip: Tooltip): Figure {
  const frame = h('div', {class: 'chart', 'data-view': view.id})
  const words = () => unbroken(view.describe(store.document.result, store.more))
  const described = h('p', {class: 'described'}, words())
  store.listen((_state, changed) => {
    if (changed.has('document')) described.textContent = words()
  })
  let chart: Chart | undefined
  const button = (text: string, act: () => Promise<void>) =>
    h('button', {type: 'button', 'aria-label': `${text} of ${view.title}`, click: act}, text)
  const tools = h(
    'div',
    {class: 'tools'},
    button('Save SVG', async () => {
      if (chart) save(`${view.id}.svg`, 'image/svg+xml', await chart.toSvg())
    }),
    button('Save PNG', async () => {
      if (chart) saveBlob(`${view.id}.png`, await pngOf(await chart.toSvg()))
    }),
  )
  const figure = h(
    'figure',
    {'aria-label': view.title},
    tools,
    frame,
    h('figcaption', {}, described),
    explanation(view.howToRead, view.assumptions),
  )
  const start = () => {
    chart ??= new Chart(frame, view, store, tooltip)
    return chart
  }
  // charts are started one after the other; a program that prints the page as soon as it is loaded is earlier than most
  addEventListener('beforeprint', () => {
    if (frame.clientWidth > 0) void start().print()
  })
  return {figure, frame, tools, start}
}
