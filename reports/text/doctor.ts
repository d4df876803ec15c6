/** A check-up as people read it: a line for each check, and under it the one thing to do. */
import type {Checkup, Doctor} from '../../src/analysis/document/doctor.ts'
import {type Printed, print} from './sheet.ts'
import {words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'

export function doctorText({checks}: Doctor, look: Look): string {
  const style = styleOf(look.color)
  const paint = {ok: style.good, warn: style.warn, fail: style.bad}
  const label = Math.max(...checks.map(({id}) => id.length)) + 2
  const indent = ' '.repeat(6 + label)
  return checks
    .flatMap(({id, verdict, found, fix}) => [
      `${paint[verdict](verdict.padEnd(6))}${style.bold(id.padEnd(label))}${wrap(found, look.width, indent, indent.length)}`,
      ...(fix === null ? [] : [`${indent}→ ${wrap(fix, look.width, `${indent}  `, indent.length + 2)}`]),
    ])
    .join('\n')
}

export function doctorSheets({checks}: Doctor): [string, Printed][] {
  return [
    [
      'Doctor',
      print<Checkup>({
        rows: checks,
        columns: [
          words('verdict', 'verdict', (c) => c.verdict),
          words('check', 'id', (c) => c.id),
          words('found', 'found', (c) => c.found),
          words('do', 'fix', (c) => c.fix),
        ],
      }),
    ],
  ]
}
