/** Operators of two analyses that are the same work: by id, and where one side fuses, by what they are made of. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {groupOperators} from '../../src/analysis/matched.ts'
import {attainableOf, type Operator} from '../document.ts'

/** One or several operators as one. */
export interface Joint {
  readonly ids: readonly string[]
  /** of all instances */
  readonly flops: number
  readonly bytes: number
  readonly seconds: number
  readonly share: number
  /** FLOP/s that the roof allows */
  readonly performance: number
  /** the operator that takes most of the time */
  readonly largest: Operator
}

export interface Match {
  readonly before: Joint
  readonly after: Joint
}

function joint(ops: readonly Operator[], {machine, totals}: Analysis): Joint {
  const sum = (value: (op: Operator) => number) => ops.reduce((all, op) => all + value(op) * op.repeat, 0)
  const level = Object.keys(totals.bytes)[0] ?? ''
  const [flops, seconds] = [sum((op) => op.flops), sum((op) => op.time.lower)]
  const [only] = ops
  const alone = ops.length === 1 ? attainableOf(only!, machine.ceilings) : null
  return {
    ids: ops.map((op) => op.id),
    flops,
    bytes: sum((op) => op.bytes[level] ?? 0),
    seconds,
    share: ops.reduce((all, op) => all + op.share, 0),
    performance: alone ?? (seconds > 0 ? flops / seconds : 0),
    largest: ops.reduce((a, b) => (b.share > a.share ? b : a)),
  }
}

/** Every group of operators that both analyses have: the parts of one side's are the parts of the other's. */
export const matchOperators = (before: Analysis, after: Analysis): Match[] =>
  groupOperators(before.operators, after.operators)
    .filter((group) => group.onlyBefore.length === 0 && group.onlyAfter.length === 0)
    .map((group) => ({before: joint(group.before, before), after: joint(group.after, after)}))
