/** Texts that several parts of the page need. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format} from '../../src/analysis/units.ts'
import {bytesOf} from '../chart/points.ts'
import type {Operator} from '../document.ts'

export const shapeText = (op: Pick<Operator, 'shape'>): string =>
  Object.entries(op.shape)
    .map(([name, value]) => (typeof value === 'boolean' ? (value ? name : '') : `${name} ${value}`))
    .filter((text) => text !== '')
    .join(', ')

const roleNames = {
  weight: 'weights',
  input: 'inputs',
  output: 'outputs',
  kv: 'KV',
  constant: 'constants',
  index: 'indices',
} as const

/** Bytes of one instance, and what they are: `193 MB: weights 117 MB, inputs 16.8 MB, outputs 58.7 MB`. */
export function bytesByRole(op: Operator): string {
  const sums = new Map<keyof typeof roleNames, number>()
  for (const use of [...op.reads, ...op.writes]) sums.set(use.role, (sums.get(use.role) ?? 0) + use.bytes)
  const parts = [...sums]
    .filter(([, bytes]) => bytes > 0)
    .map(([role, bytes]) => `${roleNames[role]} ${format(bytes, 'B')}`)
  return `${format(bytesOf(op), 'B')}: ${parts.join(', ')}`
}

/** A bound as words: which ceiling, its value, and who says so. */
export function provenanceOf(bound: string | null, analysis: Analysis): string {
  if (bound === null) return 'nothing'
  const ceiling = analysis.machine.ceilings.find((c) => c.id === bound)
  return ceiling ? `${bound}, ${format(ceiling.value, ceiling.unit)} (${ceiling.provenance.kind})` : bound
}

/** Prose in which no line ends between a number and its unit. */
export const unbroken = (text: string): string =>
  text.replace(/(\d) (?=%|[kMGTPEµmnp]?(?:FLOP|OP|B|s|W|Wh|J)\b)/g, '$1\u00a0')
