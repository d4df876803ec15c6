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

/** Tensors that are named one by one. */
const NAMED = 5

const uses = (list: Operator['reads']): string => {
  const sorted = list.filter(({bytes}) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
  const rest = sorted.slice(NAMED)
  const named = sorted.slice(0, NAMED).map(({name, bytes}) => `${name} ${format(bytes, 'B')}`)
  const others = rest.reduce((sum, {bytes}) => sum + bytes, 0)
  return [...named, ...(rest.length > 0 ? [`${rest.length} more ${format(others, 'B')}`] : [])].join(', ')
}

/** Bytes of one instance, and which tensors they are: `193 MB: reads weight 117 MB, x 16.8 MB; writes y 58.7 MB`. */
export function bytesByTensor(op: Operator): string {
  const [reads, writes] = [uses(op.reads), uses(op.writes)]
  const parts = [reads && `reads ${reads}`, writes && `writes ${writes}`].filter((part) => part !== '')
  return [format(bytesOf(op), 'B'), ...(parts.length > 0 ? [parts.join('; ')] : [])].join(': ')
}

/** A bound as words: which ceiling, its value, and who says so. */
export function provenanceOf(bound: string | null, analysis: Analysis): string {
  if (bound === null) return 'nothing'
  const ceiling = analysis.machine.ceilings.find((c) => c.id === bound)
  if (!ceiling) return bound
  const {kind, date} = ceiling.provenance
  return `${bound}, ${format(ceiling.value, ceiling.unit)} (${kind}, ${date.slice(0, 10)})`
}

/** Prose in which no line ends between a number and its unit. */
export const unbroken = (text: string): string =>
  text.replace(/(\d) (?=%|[kMGTPEµmnp]?(?:FLOP|OP|B|s|W|Wh|J)\b)/g, '$1\u00a0')
