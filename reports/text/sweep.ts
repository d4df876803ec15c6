/** A sweep as people read it in a terminal. */
import type {Sweep} from '../../src/analysis/document/sweep.ts'
import {formatCount} from '../../src/analysis/units.ts'
import {type Printed, print} from './sheet.ts'
import {crossingSheet, fitLatencySheet, fitSizeSheet, isSequence, sweepSheet} from './sheets/sweep.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'
import {devicesText, plural, typesText} from './workload.ts'

/** Changes shown before the rest is counted; `--json` and `--csv` have all. */
const mostCrossings = 20

/** Rows first, then where bounds change, then what fits. */
export function sweepSheets(sweep: Sweep): [string, Printed][] {
  const sheets: [string, Printed][] = [['Sweep', print(sweepSheet(sweep))]]
  if (sweep.crossings.length > 0) sheets.push(['Where the bound changes', print(crossingSheet(sweep.crossings))])
  if (sweep.fit) sheets.push(['What fits', print(fitSizeSheet(sweep.fit.sizes))])
  if (sweep.fit && sweep.fit.latency.length > 0) sheets.push(['Latency', print(fitLatencySheet(sweep.fit.latency))])
  return sheets
}

/** Sizes that every row has: without them a row could not be run again. */
function fixedText(sweep: Sweep): string[] {
  const row = sweep.rows[0]
  if (!row) return []
  const swept = new Set(sweep.dimensions.map(({name}) => name))
  return [
    ...(swept.has('batch') ? [] : [`batch ${formatCount(row.batch)}`]),
    ...(swept.has('seq') || !isSequence(sweep) ? [] : [plural(row.seq, 'token')]),
    ...(swept.has('context') || row.context === 0 ? [] : [`after ${formatCount(row.context)} cached`]),
  ]
}

export function sweepText(sweep: Sweep, look: Look): string {
  const style = styleOf(look.color)
  const {model, machine, phase, dtype, fusion, count, tp} = sweep
  const what = [phase, ...fixedText(sweep), typesText(dtype), `fusion ${fusion}`, ...devicesText(count, tp)]
  const lines = [
    wrap(`${style.bold(model.name)}, ${what.join(', ')}, on ${style.bold(machine.name)}`, look.width, '  '),
  ]
  const shown: Sweep = {...sweep, crossings: sweep.crossings.slice(0, mostCrossings)}
  for (const [title, sheet] of sweepSheets(shown)) {
    lines.push('', style.bold(title), toTerminal(sheet, look).trimEnd())
    if (title.startsWith('Where') && sweep.crossings.length > mostCrossings)
      lines.push(style.dim(`and ${formatCount(sweep.crossings.length - mostCrossings)} more; --json has all`))
  }
  lines.push('', style.dim(wrap('Times are lower bounds, rates upper bounds. 1 MAC = 2 FLOP.', look.width)))
  return lines.join('\n')
}
