/** What is known: models, machines, operators, commands. */
import type {CommandList, List} from '../../../src/analysis/document/list.ts'
import {type Printed, print} from '../sheet.ts'
import {count, quantity, words} from './columns.ts'

type Lists = List | CommandList
type Items<K extends Lists['kind']> = Extract<Lists, {kind: K}>['items'][number]

export function listSheet(list: Lists): Printed {
  switch (list.kind) {
    case 'models':
      return print<Items<'models'>>({
        rows: list.items,
        columns: [
          words('id', 'id', (m) => m.id),
          words('name', 'name', (m) => m.name, 1),
          count('parameters', 'parameters', (m) => m.parameters),
          words('dtype', 'dtype', (m) => m.dtype, 2),
          words('source', 'source', (m) => m.source, 3),
        ],
      })
    case 'machines':
      return print<Items<'machines'>>({
        rows: list.items,
        columns: [
          words('id', 'id', (m) => m.id),
          words('name', 'name', (m) => m.name, 1),
          quantity('memory', 'memory_b', 'B', (m) => m.memory, 2),
          count('ceilings', 'ceilings', (m) => m.ceilings, 3),
          words('provenance', 'provenance', (m) => m.provenance.join(', '), 4),
        ],
      })
    case 'operators':
      return print<Items<'operators'>>({
        rows: list.items,
        columns: [
          words('id', 'id', (o) => o.id),
          {...words<Items<'operators'>>('name', 'name', (o) => o.name, 2), narrow: 'cut'},
          {...words<Items<'operators'>>('FLOPs', 'formula', (o) => o.formula, 1), narrow: 'cut'},
          words('trait', 'trait', (o) => o.trait, 4),
          words('dimensions', 'dims', (o) => o.dims.join(' '), 3),
        ],
      })
    case 'commands':
      return print<Items<'commands'>>({
        rows: list.items,
        columns: [
          words('command', 'id', (c) => c.id),
          words('does', 'summary', (c) => c.summary, 1),
          words('flags', 'flags', (c) => c.flags.map(({name}) => `--${name}`).join(' '), 2),
        ],
      })
  }
}
