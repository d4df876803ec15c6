/** A document held against its baseline, as people read it. */
import type {Check, CheckRow} from '../../src/analysis/document/check.ts'
import {formatShare} from '../../src/analysis/units.ts'
import {valueText} from './comparison.ts'
import {type Printed, print} from './sheet.ts'
import {share, words} from './sheets/columns.ts'
import {type Look, styleOf} from './style.ts'
import {toTerminal} from './terminal.ts'

export function checkSheets({rows}: Check): [string, Printed][] {
  const value = (side: 'baseline' | 'current') => ({
    title: side,
    key: side,
    text: (r: CheckRow) => valueText(r[side], r.unit),
    raw: (r: CheckRow) => r[side],
    align: 'right' as const,
    drop: 0,
  })
  return [
    [
      'Check',
      print<CheckRow>({
        rows,
        columns: [
          words('figure', 'id', (r) => r.id),
          words<CheckRow>('unit', 'unit', (r) => r.unit, 5),
          value('baseline'),
          value('current'),
          {
            title: 'worse by',
            key: 'change',
            text: (r) => (r.change === null ? '–' : `${r.change < 0 ? '−' : ''}${formatShare(Math.abs(r.change))}`),
            raw: (r) => r.change,
            align: 'right',
            drop: 1,
          },
          share('allowed', 'limit', (r) => r.limit, 2),
          {title: 'passes', key: 'pass', text: (r) => (r.pass ? 'yes' : 'NO'), raw: (r) => r.pass, drop: 0},
          words('because', 'reason', (r) => r.reason, 3),
        ],
      }),
    ],
  ]
}

/** A profile has more figures than a screen has rows: then only what failed is listed. */
const MANY = 24

export function checkText(check: Check, look: Look): string {
  const style = styleOf(look.color)
  const {rows} = check
  const failed = rows.filter((row) => !row.pass)
  const shown = rows.length > MANY ? failed : rows
  const verdict = check.passed
    ? style.good('passed: nothing got worse than allowed')
    : style.bad(`failed: ${failed.length} of ${rows.length} figures got worse than allowed`)
  const paint = (text: string, _: number, key: string) => (key === 'pass' && text === 'NO' ? style.bad(text) : text)
  const hidden = rows.length - shown.length
  const table = toTerminal(checkSheets({...check, rows: shown})[0]![1], look, paint).trimEnd()
  return [
    `${check.baseline.name} → ${check.current.name}`,
    '',
    ...(table === '' ? [] : [table, '']),
    ...(hidden > 0 ? [style.dim(`${hidden} figures are within what is allowed (--csv lists them)`)] : []),
    verdict,
  ].join('\n')
}
