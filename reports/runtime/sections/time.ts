/// <reference lib="dom" />
/** Where the time goes, by operator, layer, kind or class. */
import type {ViewState} from '../../view.ts'
import {time} from '../../views/time.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'
import type {Tooltip} from '../tooltip.ts'
import {chartSection, type Section} from './chart.ts'

const groups: readonly ViewState['group'][] = ['operator', 'layer', 'kind', 'class']

export function timeSection(store: Store, tooltip: Tooltip): Section {
  const section = chartSection(time, store, tooltip)
  const choice: HTMLSelectElement = h(
    'select',
    {
      change: () => {
        const group = groups.find((name) => name === choice.value)
        if (group) store.set({view: {...store.state.view, group}})
      },
    },
    ...groups.map((name) => h('option', {value: name}, name)),
  )
  const show = () => {
    choice.value = store.state.view.group
  }
  show()
  store.listen((_state, changed) => changed.has('view') && show())
  section.tools.prepend(h('label', {class: 'toggle'}, 'A bar for each', choice))
  return section
}
