/// <reference lib="dom" />
/** The first screen: what limits the workload, how far it is from the roof, what to change first, and the key figures. */
import type {Analysis} from '../../../src/analysis/document/analysis.ts'
import {format, formatCount, formatShare} from '../../../src/analysis/units.ts'
import {formatIntensity} from '../../chart/points.ts'
import {mainRidge} from '../../chart/roofs.ts'
import type {ReportDocument} from '../../document.ts'
import {h} from '../dom.ts'
import {unbroken} from '../words.ts'

interface Figure {
  readonly label: string
  readonly value: string
  readonly note: string
}

/** Joules as watt-hours, the prefix on the unit. */
const energy = (joules: number): string => {
  const wh = joules / 3600
  return wh >= 1000 ? `${Number((wh / 1000).toPrecision(3))} kWh` : `${Number(wh.toPrecision(3))} Wh`
}

function figures(analysis: Analysis): Figure[] {
  const {totals, workload, machine, model} = analysis
  const bound = totals.isBound
  const all: (Figure | false)[] = [
    {
      label: workload.phase === 'decode' ? 'Time of a step' : 'Time of the pass',
      value: bound ? `≥ ${format(totals.time.lower, 's')}` : format(totals.time.predicted, 's'),
      note: `${format(totals.time.upper, 's')} without any overlap`,
    },
    totals.ttft !== null && {
      label: 'Time to first token',
      value: `${bound ? '≥ ' : ''}${format(totals.ttft, 's')}`,
      note: `batch ${formatCount(workload.batch)} × ${formatCount(workload.seq)} tokens`,
    },
    totals.tpot !== null && {
      label: 'Time per later token',
      value: `${bound ? '≥ ' : ''}${format(totals.tpot, 's')}`,
      note: `batch ${formatCount(workload.batch)}, context ${formatCount(workload.context)}`,
    },
    totals.tokensPerSecond !== null && {
      label: 'Tokens per second',
      value: `${bound ? '≤ ' : ''}${format(totals.tokensPerSecond, '')}`,
      note: workload.count > 1 ? `on ${formatCount(workload.count)} devices` : 'whole batch',
    },
    totals.mfu !== null && {
      label: 'Share of the peak',
      value: `${bound ? '≤ ' : ''}${formatShare(totals.mfu)}`,
      note: 'useful FLOP/s of products over the dense peak (MFU)',
    },
    {
      label: 'Intensity',
      value: formatIntensity(totals.intensity),
      note: `ridge at ${formatIntensity(mainRidge(analysis).intensity)}`,
    },
    {label: 'FLOPs', value: format(totals.flops, 'FLOP'), note: `${format(totals.macs, '')} MACs, 1 MAC = 2 FLOP`},
    {
      label: 'Bytes moved',
      value: format(Object.values(totals.bytes)[0], 'B'),
      note: `compulsory traffic at ${Object.keys(totals.bytes)[0] ?? 'memory'}`,
    },
    {
      label: 'Memory at the peak',
      value: format(totals.memory.peak, 'B'),
      note:
        machine.memory === null
          ? 'capacity not stated'
          : `of ${format(machine.memory, 'B')}, ${formatShare(totals.memory.peak / machine.memory)}`,
    },
    {
      label: 'Parameters',
      value: format(model.parameters.total, ''),
      note: `${formatCount(model.parameters.total)}; weights ${format(totals.memory.weights, 'B')}`,
    },
    totals.costPerMillionTokens !== null && {
      label: 'Cost per million tokens',
      value: `${bound ? '≥ ' : ''}${totals.costPerMillionTokens.toPrecision(3)} ${totals.currency ?? ''}`,
      note: 'rent of the device',
    },
    totals.energyPerMillionTokens !== null && {
      label: 'Energy per million tokens',
      value: `${bound ? '≥ ' : ''}${energy(totals.energyPerMillionTokens)}`,
      note: 'board power over the time',
    },
  ]
  return all.filter((figure) => figure !== false)
}

export const question = (title: string, text: string) =>
  h('div', {class: 'answer'}, h('h3', {}, title), h('p', {}, unbroken(text)))

/** Changes that are named on the first screen; the section on advice has all of them. */
export const CHANGES = 3

/** What saves most, with its seconds; the summary's words where nothing does. */
function changes({advice, totals}: Analysis, otherwise: string): HTMLElement {
  const title = 'What to change first'
  const most = advice
    .flatMap((item) => (item.saves !== null && item.saves > 0 ? [{...item, saves: item.saves}] : []))
    .sort((a, b) => b.saves - a.saves)
    // int8 beside int4 is the same change once more
    .filter((item, i, all) => all.findIndex((a) => a.rule === item.rule && a.operator === item.operator) === i)
    .slice(0, CHANGES)
  if (most.length === 0) return question(title, otherwise)
  const whole = totals.time.lower
  return h(
    'div',
    {class: 'answer'},
    h('h3', {}, title),
    h(
      'ol',
      {class: 'changes'},
      ...most.map(({message, saves}) => {
        const share = whole > 0 ? `, ${formatShare(saves / whole)}` : ''
        return h('li', {}, h('strong', {}, unbroken(`saves ${format(saves, 's')}${share}`)), ` ${unbroken(message)}`)
      }),
    ),
  )
}

/** Warnings of one code, in the order of their first. */
function byCode(warnings: ReportDocument['warnings']): [string, string[]][] {
  const groups = new Map<string, string[]>()
  for (const {code, message} of warnings) groups.set(code, [...(groups.get(code) ?? []), message])
  return [...groups]
}

/** More warnings of one code than this fold together: the answer stays on the first screen. */
const UNFOLDED = 3

/** Warnings, and what is not counted; nothing where there is neither. */
export function warningsList(warnings: ReportDocument['warnings'], incomplete = ''): HTMLElement | false {
  if (warnings.length === 0 && incomplete === '') return false
  const strong = (code: string) => h('strong', {}, code)
  return h(
    'ul',
    {class: 'warnings', 'aria-label': 'Warnings'},
    incomplete !== '' && h('li', {}, strong('incomplete'), ` operators that are not counted: ${incomplete}`),
    ...byCode(warnings).flatMap(([code, messages]) =>
      messages.length <= UNFOLDED
        ? messages.map((message) => h('li', {}, strong(code), ` ${message}`))
        : [
            h(
              'li',
              {},
              h(
                'details',
                {},
                h('summary', {}, strong(code), ` ${formatCount(messages.length)} times: ${messages[0]}, and more`),
                h('ul', {}, ...messages.slice(1).map((message) => h('li', {}, message))),
              ),
            ),
          ],
    ),
  )
}

export function answerSection(document: ReportDocument): HTMLElement {
  const {result, warnings} = document
  const {limit, distance, first} = result.summary
  const incomplete = result.unknown.map(({op, count}) => `${op} (${count})`).join(', ')
  return h(
    'section',
    {id: 'answer', 'aria-label': 'The answer in words'},
    h(
      'div',
      {class: 'answers'},
      question('What limits it', limit),
      question('How far from the roof', distance),
      changes(result, first),
    ),
    warningsList(warnings, incomplete),
    h(
      'dl',
      {class: 'figures'},
      ...figures(result).map(({label, value, note}) =>
        h('div', {}, h('dt', {}, label), h('dd', {class: 'value'}, value), h('dd', {class: 'note'}, note)),
      ),
    ),
  )
}
