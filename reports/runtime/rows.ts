/** New rows and signals for a running chart. */
import {changeset, type View as VegaView} from 'vega'
import type {ViewInputs} from '../view.ts'

/** From this many rows on a set is changed row by row: marks then stay, and 1,000 dots are not taken out and put back. */
const MANY = 64

function replaceRows(chart: VegaView, name: string, rows: readonly object[]): void {
  const old: Record<string, unknown>[] = chart.data(name)
  if (old.length < MANY || rows.length < MANY) {
    chart.data(
      name,
      rows.map((row) => ({...row})),
    )
    return
  }
  const change = changeset()
  old.slice(0, rows.length).forEach((tuple, i) => {
    for (const [field, value] of Object.entries(rows[i]!))
      if (tuple[field] !== value) change.modify(tuple, field, value)
  })
  if (old.length > rows.length) change.remove(old.slice(rows.length))
  if (rows.length > old.length) change.insert(rows.slice(old.length).map((row) => ({...row})))
  chart.change(name, change)
}

/** Sends new rows and signals to a running chart. */
export function update(chart: VegaView, inputs: ViewInputs): void {
  for (const [name, rows] of Object.entries(inputs.data)) replaceRows(chart, name, rows)
  for (const [name, value] of Object.entries(inputs.signals)) chart.signal(name, value)
  if (inputs.height !== undefined) chart.height(inputs.height)
}
