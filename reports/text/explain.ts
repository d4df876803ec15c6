/** An operator's formula with its arithmetic, or a concept, in a screenful. */

import type {Explanation, OperatorExplanation} from '../../src/analysis/document/explain.ts'
import {SCREEN} from '../../src/analysis/explain/concept.ts'
import {format, formatCount} from '../../src/analysis/units.ts'
import {type Printed, print} from './sheet.ts'
import {count, quantity, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

type Tensor = OperatorExplanation['tensors'][number]

/** the types that a screen has room for; `--json` has all */
const types = ['f32', 'bf16', 'int8']

function tensorSheet(tensors: readonly Tensor[]): Printed {
  return print<Tensor>({
    rows: tensors,
    columns: [
      words('tensor', 'name', (t) => t.name),
      words('role', 'role', (t) => t.role, 2),
      words('access', 'access', (t) => t.access, 1),
      words('type', 'type', (t) => t.type ?? 'any', 2),
      count('elements', 'elements', (t) => t.elements, 3),
      ...types.map((type, i) =>
        quantity<Tensor>(type, `bytes_${type}`, 'B', (t) => t.bytes[type] ?? null, type === 'f32' ? 0 : 4 + i),
      ),
    ],
  })
}

interface Fact {
  readonly name: string
  readonly value: string
}

export function explainSheets(explanation: Explanation): [string, Printed][] {
  if (explanation.kind === 'concept') {
    const rows: Fact[] = [
      {name: explanation.title, value: explanation.text},
      {name: 'source', value: explanation.source},
    ]
    const sheet = print<Fact>({
      rows,
      columns: [words('concept', 'name', (f) => f.name), words('text', 'value', (f) => f.value)],
    })
    return [[explanation.title, sheet]]
  }
  return [[explanation.title, tensorSheet(explanation.tensors)]]
}

function operatorText(op: OperatorExplanation, look: Look): string {
  const style = styleOf(look.color)
  const dims = Object.entries({...op.dims, ...op.derived}).map(([name, value]) => `${name} ${value}`)
  const byType = (read: (type: string) => string) => types.map((type) => `${type} ${read(type)}`).join(', ')
  const executed = op.executedFlops === op.flops ? '' : `, ${formatCount(op.executedFlops)} executed`
  return [
    `${style.bold(op.id)}: ${wrap(op.title, look.width, '  ', op.id.length + 2)}`,
    ...(op.trait === op.id ? [] : [`kind of work: ${op.trait}`]),
    wrap(`with ${dims.join(', ')}`, look.width, '  '),
    '',
    ...op.steps.map(({text, says}) => `${wrap(`FLOP = ${text}`, look.width - 20, '       ')}  ${style.dim(says)}`),
    ...(op.where === null ? [] : [wrap(`where ${op.where}`, look.width, '  ')]),
    '',
    wrap(
      `${formatCount(op.flops)} FLOP${executed}, ${formatCount(op.macs)} MACs (1 MAC = 2 FLOP), ${formatCount(op.special)} of them exp, log, tanh or erf`,
      look.width,
      '  ',
    ),
    wrap(`compulsory bytes: ${byType((type) => format(op.bytes[type] ?? null, 'B'))}`, look.width, '  '),
    wrap(`FLOP per byte: ${byType((type) => format(op.intensity[type] ?? null, ''))}`, look.width, '  '),
    '',
    toTerminal(tensorSheet(op.tensors), look).trimEnd(),
    '',
    style.dim(wrap(`Source: ${op.source}`, look.width, '  ')),
  ].join('\n')
}

/** A block of a concept, written for 80 columns, at fewer: prose flows anew, a formula's lines go on four columns in. */
const narrowed = (block: string, width: number): string =>
  block.startsWith('  ')
    ? block
        .split('\n')
        .map((line) => `  ${wrap(line.trim(), width - 2, '    ')}`)
        .join('\n')
    : wrap(block, width)

/** Concepts are written for 80 columns, line by line, and end with their source. */
export function explainText(explanation: Explanation, look: Look): string {
  if (explanation.kind === 'operator') return operatorText(explanation, look)
  const {title, text} = explanation
  const blocks = text.split('\n\n')
  if (blocks[0] === title) blocks.shift()
  return [title, ...blocks]
    .map((block) => (look.width < SCREEN.columns ? narrowed(block, look.width) : block))
    .map((block, i) => (i === 0 ? styleOf(look.color).bold(block) : block))
    .join('\n\n')
}
