/// <reference lib="dom" />
/** Each pass that compresses: the totals before and after it. */
import type {CompressionSide, CompressionSummary} from '../../../src/analysis/document/compression.ts'
import {format} from '../../../src/analysis/units.ts'
import {h} from '../dom.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import {pair} from './fusion.ts'

type Stage = CompressionSummary[number]

const column = (key: keyof CompressionSide, label: string, text: (value: number) => string): Column<Stage> => ({
  id: `${key}_saved`,
  label: `${label}, before → after`,
  numeric: true,
  value: ({before, after}) => before[key] - after[key],
  show: ({before, after}) => pair(text(before[key]), text(after[key])),
})

const columns: Column<Stage>[] = [
  {id: 'pass', label: 'Pass', value: ({pass}) => pass},
  column('weights', 'Weights', (value) => format(value, 'B')),
  column('kvCache', 'KV cache', (value) => format(value, 'B')),
  column('peak', 'Memory', (value) => format(value, 'B')),
  column('bytes', 'Bytes', (value) => format(value, 'B')),
  column('macs', 'MACs', (value) => format(value, '')),
  column('flops', 'FLOPs', (value) => format(value, 'FLOP')),
  column('time', 'Time', (value) => format(value, 's')),
]

export function compressionSection(store: Store): HTMLElement | undefined {
  const {compression = []} = store.document.result
  if (compression.length === 0) return undefined
  const table = new Table({
    caption: 'Passes in their order, totals of one device',
    columns,
    rows: compression,
    file: 'compression.csv',
    memory: store.memory('compression'),
  })
  return h('section', {id: 'compression'}, h('h2', {}, 'What compression changed'), table.element)
}
