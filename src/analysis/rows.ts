/** The operator table kept short: the longest rows, or sums by layer or by kind. */
import type {Analysis} from './document/analysis.ts'
import {wholeNumber} from './workload.ts'

type Operator = Analysis['operators'][number]

/** A row of the operator table: one operator (values of one instance), or a group (sums of all instances). */
export interface OperatorRow
  extends Pick<Operator, 'id' | 'kind' | 'repeat' | 'shape' | 'flops' | 'bytes' | 'bound' | 'share'> {
  readonly intensity: number | null
  /** s, lower bound */
  readonly seconds: number
}

export interface RowOptions {
  readonly top?: number | undefined
  readonly group?: 'layer' | 'kind' | undefined
}

export interface RowChoice {
  readonly rows: OperatorRow[]
  /** values are sums over all instances */
  readonly grouped: boolean
  /** rows that `top` left out, and their share of the time */
  readonly hidden: {readonly count: number; readonly share: number}
}

/** The layer of an operator: its path without the last part, `layers.attn.qkv` → `layers.attn`; a fused one has its first part's. */
function layerOf(id: string): string {
  const path = id.split('+')[0]!.split('.')
  return path.length > 1 ? path.slice(0, -1).join('.') : path[0]!
}

function group(operators: readonly Operator[], by: 'layer' | 'kind', outer: string): OperatorRow[] {
  const groups = new Map<string, Operator[]>()
  for (const op of operators) {
    const key = by === 'kind' ? op.kind : layerOf(op.id)
    const members = groups.get(key)
    if (members) members.push(op)
    else groups.set(key, [op])
  }
  return [...groups].map(([id, members]) => {
    const sum = (value: (op: Operator) => number) => members.reduce((total, op) => total + value(op) * op.repeat, 0)
    const flops = sum((op) => op.flops)
    const bytes = Object.fromEntries(
      Object.keys(members[0]!.bytes).map((level) => [level, sum((op) => op.bytes[level] ?? 0)]),
    )
    const outerBytes = bytes[outer] ?? 0
    const main = members.reduce((a, b) => (b.share > a.share ? b : a))
    return {
      id,
      kind: by === 'kind' ? id : [...new Set(members.map((op) => op.kind))].join('+'),
      repeat: sum(() => 1),
      shape: {},
      flops,
      bytes,
      intensity: outerBytes > 0 ? flops / outerBytes : null,
      bound: main.bound,
      share: members.reduce((total, op) => total + op.share, 0),
      seconds: sum((op) => op.time.lower),
    }
  })
}

/**
 * Rows in graph order, or by falling share where `top` is given.
 * @throws AnalysisError `bad-flag` where `top` is not a whole number of at least 1
 */
export function chooseRows(analysis: Pick<Analysis, 'operators' | 'totals'>, {top, group: by}: RowOptions): RowChoice {
  const outer = Object.keys(analysis.totals.bytes)[0] ?? 'DRAM'
  const all: OperatorRow[] = by
    ? group(analysis.operators, by, outer)
    : analysis.operators.map((op) => ({...op, seconds: op.time.lower}))
  const grouped = by !== undefined
  if (top === undefined) return {rows: all, grouped, hidden: {count: 0, share: 0}}
  const sorted = [...all].sort((a, b) => b.share - a.share)
  const rest = sorted.slice(wholeNumber(top, '--top'))
  const hidden = {count: rest.length, share: rest.reduce((sum, row) => sum + row.share, 0)}
  return {rows: sorted.slice(0, top), grouped, hidden}
}
