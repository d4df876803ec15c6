/** One model, a fact a row. */
import type {ModelFacts} from '../../../src/analysis/document/list.ts'
import {formatCount} from '../../../src/analysis/units.ts'
import {type Cell, type Printed, print} from '../sheet.ts'

type Facts = ModelFacts['items'][number]

export function factSheet({dims, ...facts}: Facts): Printed {
  const text = (value: Cell) =>
    typeof value === 'number' ? formatCount(value) : value === true ? 'yes' : value === false ? 'no' : String(value)
  return print<readonly [string, Cell]>({
    rows: Object.entries({...facts, ...dims}),
    columns: [
      {title: 'fact', key: 'name', text: ([name]) => name, raw: ([name]) => name, drop: 0},
      {
        title: 'value',
        key: 'value',
        text: ([, value]) => text(value),
        raw: ([, value]) => value,
        drop: 0,
        narrow: 'wrap',
      },
    ],
  })
}
