/** A machine as people read it in a terminal. */
import type {Machine} from '../../src/analysis/document/machine.ts'
import {format, formatCapacity} from '../../src/analysis/units.ts'
import {sustainLines, sweepLines} from './curve.ts'
import {print} from './sheet.ts'
import {ceilingSheet} from './sheets/ceilings.ts'
import {isByThreads, measuredSheets, modelLines} from './sheets/measured.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

function facts(machine: Machine): string[] {
  const {identity, memory, price, power, profile} = machine
  const facts: string[] = []
  if (profile) facts.push(`${profile} measurement${identity.date ? ` of ${identity.date.slice(0, 10)}` : ''}`)
  if (identity.cores) facts.push(`${identity.cores} ${identity.cores === 1 ? 'core' : 'cores'}`)
  for (const {level, claimed, found} of identity.caches ?? []) {
    const seen = found === null ? '' : `, found ${formatCapacity(found)}`
    facts.push(`${level} ${formatCapacity(claimed)}${seen}`)
  }
  if (memory) facts.push(`memory ${format(memory.capacity, 'B')}`)
  if (power) facts.push(`power ${format(power.watts, 'W')}`)
  if (price) facts.push(`${price.perHour} ${price.currency} per hour (${price.source})`)
  return facts
}

export function machineText(machine: Machine, look: Look): string {
  const style = styleOf(look.color)
  const paint = (text: string, _: number, key: string) =>
    key !== 'verdict' || text === '–' ? text : text === 'ok' ? style.good(text) : style.warn(text)
  const byThreads = isByThreads(machine.ceilings)
  const sheets = byThreads ? measuredSheets(machine.ceilings) : [print(ceilingSheet(machine.ceilings))]
  const models = byThreads ? modelLines(machine.ceilings) : []
  const curves = [sweepLines(machine, look), sustainLines(machine, look)].filter((lines) => lines.length > 0)
  return [
    `${style.bold(machine.name)} (${machine.id})`,
    ...facts(machine).map((fact) => wrap(fact, look.width, '  ')),
    '',
    sheets.map((sheet) => toTerminal(sheet, look, paint).trimEnd()).join('\n\n'),
    ...(models.length > 0 ? ['', 'One thread by model: instructions per cycle × lanes × clock'] : []),
    ...models.map((line) => wrap(line, look.width, '  ')),
    ...curves.flatMap((lines) => ['', ...lines]),
    '',
    style.dim(
      wrap(
        `Peaks are dense${machine.ceilings.some((c) => c.sparsity) ? ', those for 2:4 weights alone (--prune 2:4) apart' : ''}. 1 MAC = 2 FLOP. Bandwidth is decimal (1 GB/s = 1e9 B/s).`,
        look.width,
      ),
    ),
  ].join('\n')
}
