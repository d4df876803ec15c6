/** An analysis as people read it in a terminal. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {RowChoice} from '../../src/analysis/rows.ts'
import {format, formatCount, formatShare} from '../../src/analysis/units.ts'
import {escapeMarkdown} from './markdown.ts'
import {rooflineChart} from './roofline.ts'
import {type Printed, print} from './sheet.ts'
import {fusionSheet} from './sheets/fusion.ts'
import {operatorSheet} from './sheets/operators.ts'
import {rankingSheet} from './sheets/ranking.ts'
import {type Look, type Style, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'
import {plural, workloadText} from './workload.ts'

export interface AnalysisView extends Look, RowChoice {
  /** draw the roofline too */
  readonly chart: boolean
}

/** Of a mixture of experts also what one token uses. */
const parametersOf = ({total, active}: Analysis['model']['parameters']): string =>
  active === total
    ? `${formatCount(total)} parameters`
    : `${formatCount(total)} parameters, ${formatCount(active)} of them active per token`

function header(analysis: Analysis, style: Style, width: number): string[] {
  const {model, machine} = analysis
  return [
    wrap(`${style.bold(model.name)}  ${parametersOf(model.parameters)}`, width, '  '),
    wrap(workloadText(analysis), width, '  '),
    wrap(
      `on ${style.bold(machine.name)} (${machine.id}${machine.memory ? `, ${format(machine.memory, 'B')} memory` : ''})`,
      width,
      '  ',
    ),
  ]
}

/** Label and value pairs in one column. */
function pairs(entries: readonly (readonly [string, string])[], width: number, style: Style): string[] {
  const label = Math.max(...entries.map(([name]) => name.length)) + 2
  return entries.map(([name, value]) => style.dim(name.padEnd(label)) + wrap(value, width, ' '.repeat(label), label))
}

function totalsLines(analysis: Analysis, style: Style, width: number): string[] {
  const {totals} = analysis
  const bytes = Object.entries(totals.bytes).map(([level, value]) => `${format(value, 'B')} ${level}`)
  const entries: [string, string][] = [
    ['FLOPs', `${format(totals.flops, 'FLOP')} (${formatCount(totals.flops)}); ${format(totals.macs, '')} MACs`],
    ['bytes', `${bytes.join(', ')}; intensity ${format(totals.intensity, 'FLOP/B')}`],
    ['time', `at least ${format(totals.time.lower, 's')}, without overlap ${format(totals.time.upper, 's')}`],
  ]
  if (totals.executedFlops !== totals.flops)
    entries.splice(1, 0, [
      'executed',
      `${format(totals.executedFlops, 'FLOP')}, ${analysis.training ? 'masked pairs and what is computed again' : 'what masks discard and padding'} included`,
    ])
  if (totals.ttft !== null) entries.push(['first token', `at best ${format(totals.ttft, 's')}`])
  if (totals.tpot !== null) entries.push(['per token', `at best ${format(totals.tpot, 's')}`])
  if (totals.tokensPerSecond !== null)
    entries.push(['tokens/s', `at most ${formatCount(Math.floor(totals.tokensPerSecond))}`])
  if (totals.mfu !== null) entries.push(['MFU', `at most ${formatShare(totals.mfu)}`])
  if (totals.costPerMillionTokens !== null)
    entries.push([
      'cost',
      `at least ${totals.costPerMillionTokens.toPrecision(3)} ${totals.currency ?? ''} per million tokens`,
    ])
  if (totals.energyPerMillionTokens !== null)
    entries.push(['energy', `at least ${format(totals.energyPerMillionTokens, '')}J per million tokens at board power`])
  entries.push(['memory', memoryText(analysis, style)])
  entries.push(...trainingLines(analysis), ...compressionLines(analysis))
  if (!totals.complete)
    entries.push(['unknown', analysis.unknown.map((u) => `${u.op} × ${u.count}`).join(', ') || 'some operators'])
  return pairs(entries, width, style)
}

/** What a training step is made of. */
function trainingLines({training}: Analysis): [string, string][] {
  if (!training) return []
  const {flops, saved, types} = training
  const parts = `${training.teacher ? `teacher ${format(flops.teacher, 'FLOP')}, ` : ''}forward ${format(flops.forward, 'FLOP')}, data gradients ${format(flops.data, 'FLOP')}, weight gradients ${format(flops.weights, 'FLOP')}, ${training.optimizer} ${format(flops.optimizer, 'FLOP')}`
  const again = flops.recomputed > 0 ? `; ${format(flops.recomputed, 'FLOP')} computed again` : ''
  const hfu = training.hfu === null ? '' : `; HFU at most ${formatShare(training.hfu)}`
  const layer = training.savedPerLayer === null ? '' : `, ${format(training.savedPerLayer, 'B')} a layer`
  const master = types.master === null ? '' : `, ${types.master} master weights`
  const lines: [string, string][] = [
    ['step', `${parts}${again}${hfu}`],
    [
      'trained',
      `${formatCount(training.trainable)} weights; gradients ${types.gradients}${master}, state ${types.state}`,
    ],
    ['kept', `${format(training.savedBytes, 'B')} of activations in ${plural(saved.length, 'tensor')}${layer}`],
  ]
  if (training.teacher) {
    const {name, parameters, weights, dtype} = training.teacher
    lines.push([
      'teacher',
      `${name}: ${formatCount(parameters)} weights, ${format(weights, 'B')} in ${dtype}, forward only`,
    ])
  }
  if (training.offload) lines.push(['offload', offloadText(training.offload)])
  return lines
}

/** Memory as datasheets state it, decimal: beside a `80 GB` card everything else is read against it. */
const inBytes = (value: number): string => format(value, 'B')

/** Bytes and time of the link, and which of link and operators is longer. */
function offloadText({
  bytes,
  bandwidth,
  seconds,
  operators,
}: NonNullable<NonNullable<Analysis['training']>['offload']>): string {
  const link = `${format(bytes, 'B')} there and back at ${format(bandwidth, 'B/s')}: ${format(seconds, 's')} at best`
  if (operators === undefined) return link
  const longer = seconds > operators ? 'the step waits for the link' : 'it can lie behind the operators'
  return `${link}, beside ${format(operators, 's')} of operators: ${longer}`
}

/** What each pass that compresses changed: the totals that differ, before and after. */
function compressionLines({compression}: Analysis): [string, string][] {
  return (compression ?? []).map(({pass, before, after}) => {
    const changed = (name: string, key: keyof typeof before, text: (value: number) => string) =>
      before[key] === after[key] ? [] : [`${name} ${text(before[key])} → ${text(after[key])}`]
    const parts = [
      ...changed('weights', 'weights', inBytes),
      ...changed('KV cache', 'kvCache', inBytes),
      ...changed('bytes', 'bytes', inBytes),
      ...changed('MACs', 'macs', (value) => format(value, '')),
      ...changed('FLOPs', 'flops', (value) => format(value, 'FLOP')),
      ...changed('time', 'time', (value) => format(value, 's')),
    ]
    return [pass, parts.length > 0 ? parts.join(', ') : 'changed nothing: no operator that it applies to']
  })
}

function memoryText(analysis: Analysis, style: Style): string {
  const {memory} = analysis.totals
  const capacity = analysis.machine.memory
  const of = capacity === null ? '' : ` of ${inBytes(capacity)} (${formatShare(memory.peak / capacity)})`
  const over = capacity !== null && memory.peak > capacity
  const peak = `${inBytes(memory.peak)}${of}`
  const kinds = analysis.training
    ? (['weights', 'gradients', 'optimizer', 'activations'] as const)
    : (['weights', 'kvCache', 'activations'] as const)
  const parts = kinds.map((kind) => `${kind === 'kvCache' ? 'KV cache' : kind} ${inBytes(memory[kind])}`)
  return `${over ? style.bad(peak) : peak}: ${parts.join(', ')}`
}

function paintBound(style: Style, sheetKey: string, text: string): string {
  if (sheetKey !== 'bound') return text
  if (text.startsWith('memory')) return style.memory(text)
  return text.startsWith('compute') ? style.compute(text) : style.latency(text)
}

/** The whole view, without a newline at its end. */
export function analysisText(analysis: Analysis, view: AnalysisView): string {
  const style = styleOf(view.color)
  const {width} = view
  const block = (title: string, body: string) => (body ? ['', style.bold(title), body.trimEnd()] : [])
  const operators = print(operatorSheet(analysis, view.rows))
  const {limit, distance, first} = analysis.summary
  const advice = analysis.advice.map((a) => wrap(`- ${a.message}`, width, '  ')).join('\n')
  const lines = [
    ...header(analysis, style, width),
    '',
    wrap(`${style.bold('What limits:')} ${limit}`, width, '  '),
    wrap(`${style.bold('How far:')} ${distance}`, width, '  '),
    wrap(`${style.bold('Change first:')} ${first}`, width, '  '),
    '',
    toTerminal(operators, view, (text, _, key) => paintBound(style, key, text)).trimEnd(),
  ]
  if (view.grouped) lines.push(style.dim('each row is the sum of all its instances'))
  if (view.hidden.count > 0)
    lines.push(style.dim(`and ${plural(view.hidden.count, 'more row')}: ${formatShare(view.hidden.share)} of the time`))
  lines.push('', ...totalsLines(analysis, style, width))
  if (view.chart) lines.push(...block('Roofline', rooflineChart(analysis, view)))
  lines.push(...block('Fused against unfused', toTerminal(print(fusionSheet(analysis)), view)))
  lines.push(...block('Advice', advice))
  if (analysis.ranking.length > 0)
    lines.push(...block('Machines', toTerminal(print(rankingSheet(analysis.ranking, analysis.totals.currency)), view)))
  lines.push(
    '',
    style.dim(
      wrap(
        `1 MAC = 2 FLOP. Peaks are dense${analysis.operators.some((op) => op.sparsity) ? ', but for products with 2:4 weights' : ''}. Bytes are compulsory traffic and times lower bounds: each operator at the slowest of arithmetic, memory and launch.`,
        width,
      ),
    ),
  )
  return lines.join('\n')
}

/** The answer of an analysis before its tables, for a comment on a pull request: of what, in words, and the figures that count. */
export function analysisLead(analysis: Analysis): string {
  const {model, machine, summary, totals} = analysis
  const memory = machine.memory === null ? '' : ` of ${inBytes(machine.memory)}`
  const figures = [
    `time ≥ ${format(totals.time.lower, 's')}`,
    ...(totals.tokensPerSecond === null ? [] : [`≤ ${formatCount(Math.floor(totals.tokensPerSecond))} tokens/s`]),
    ...(totals.mfu === null ? [] : [`MFU ≤ ${formatShare(totals.mfu)}`]),
    `memory ${inBytes(totals.memory.peak)}${memory}`,
  ]
  return `${[
    `## ${escapeMarkdown(`${model.name} on ${machine.name}`)}`,
    escapeMarkdown(`${workloadText(analysis)}: ${figures.join(', ')}.`),
    [
      `- **What limits:** ${escapeMarkdown(summary.limit)}`,
      `- **How far:** ${escapeMarkdown(summary.distance)}`,
      ...(summary.first === '' ? [] : [`- **Change first:** ${escapeMarkdown(summary.first)}`]),
    ].join('\n'),
  ].join('\n\n')}\n`
}

/** The tables of an analysis: operators first, then what they are compared with. */
export function analysisSheets(analysis: Analysis, {rows}: RowChoice): [string, Printed][] {
  const sheets: [string, Printed][] = [
    ['Operators', print(operatorSheet(analysis, rows))],
    ['Fused against unfused', print(fusionSheet(analysis))],
  ]
  if (analysis.ranking.length > 0)
    sheets.push(['Machines', print(rankingSheet(analysis.ranking, analysis.totals.currency))])
  return sheets
}
