/** Two documents side by side, as people read them. */
import type {Change, Comparison} from '../../src/analysis/document/comparison.ts'
import {type BaseUnit, baseUnits, format} from '../../src/analysis/units.ts'
import {escapeMarkdown} from './markdown.ts'
import {type Printed, print, type Sheet} from './sheet.ts'
import {words, yesNo} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

const isBase = (unit: string): unit is BaseUnit => (baseUnits as readonly string[]).includes(unit)

/** A value with its unit; units that take no prefix stand after it. */
export function valueText(value: number | null, unit: string): string {
  if (value === null) return '–'
  return isBase(unit) ? format(value, unit) : `${format(value, '')} ${unit}`.trim()
}

function changeSheet(changes: readonly Change[]): Sheet<Change> {
  const value = (title: string, side: 'before' | 'after') => ({
    title,
    key: side,
    text: (c: Change) => valueText(c[side], c.unit),
    raw: (c: Change) => c[side],
    align: 'right' as const,
    drop: 0,
  })
  return {
    rows: changes,
    columns: [
      words('figure', 'id', (c) => c.id),
      words<Change>('unit', 'unit', (c) => c.unit, 5),
      value('before', 'before'),
      value('after', 'after'),
      {
        title: 'ratio',
        key: 'ratio',
        text: (c) => (c.ratio === null ? '–' : c.ratio.toPrecision(3)),
        raw: (c) => c.ratio,
        align: 'right',
        drop: 1,
      },
      yesNo('changed', 'significant', (c) => c.significant, 2),
      words('because', 'reason', (c) => c.reason, 3),
    ],
  }
}

export function comparisonSheets({changes}: Comparison): [string, Printed][] {
  return [['Comparison', print(changeSheet(changes))]]
}

/** What changed, in words, as Markdown. */
export function comparisonLead({before, after, summary}: Comparison): string {
  const side = ({name, machine}: Comparison['before']) =>
    escapeMarkdown(`${name}${machine === null ? '' : ` on ${machine}`}`)
  return `**${escapeMarkdown(summary)}** From ${side(before)} to ${side(after)}.\n`
}

/** @param all show figures that did not change, too */
export function comparisonText(comparison: Comparison, look: Look, all: boolean): string {
  const style = styleOf(look.color)
  const {before, after, changes, summary} = comparison
  const side = (s: Comparison['before']) => `${s.name}${s.machine === null ? '' : ` on ${s.machine}`}`
  const shown = changes.filter((c) => all || c.significant)
  const hidden = changes.length - shown.length
  return [
    wrap(`${style.dim('before')} ${side(before)}`, look.width),
    wrap(`${style.dim('after ')} ${side(after)}`, look.width),
    '',
    style.bold(wrap(summary, look.width)),
    ...(shown.length > 0 ? ['', toTerminal(print(changeSheet(shown)), look).trimEnd()] : []),
    ...(hidden > 0 ? [style.dim(`${hidden} figures did not change; --all shows them`)] : []),
  ].join('\n')
}
