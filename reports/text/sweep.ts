/** A sweep as people read it in a terminal. */
import type {Sweep} from '../../src/analysis/document/sweep.ts'
import {formatCount} from '../../src/analysis/units.ts'
import {type Printed, print} from './sheet.ts'
import {crossingSheet, fitLatencySheet, fitSizeSheet, sweepSheet} from './sheets/sweep.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

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

export function sweepText(sweep: Sweep, look: Look): string {
  const style = styleOf(look.color)
  const {model, machine, phase, dtype, fusion} = sweep
  const lines = [
    wrap(
      `${style.bold(model.name)}, ${phase}, ${dtype.weights}, fusion ${fusion}, on ${style.bold(machine.name)}`,
      look.width,
      '  ',
    ),
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
