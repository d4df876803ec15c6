/** Operators of two analyses that are the same work: by id, and where one side fuses, by what they are made of. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
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

const partsOf = (op: Operator): readonly string[] => (op.fusedFrom.length > 0 ? op.fusedFrom : [op.id])

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
export function matchOperators(before: Analysis, after: Analysis): Match[] {
  const owners = new Map<string, Operator>()
  for (const op of before.operators) for (const part of partsOf(op)) owners.set(part, op)
  const later = new Map<string, Operator>()
  for (const op of after.operators) for (const part of partsOf(op)) later.set(part, op)
  const done = new Set<Operator>()
  return after.operators.flatMap((start) => {
    if (done.has(start)) return []
    // whatever shares a part with the group belongs to it, on either side
    const [olds, news] = [new Set<Operator>(), new Set([start])]
    for (const op of news) {
      for (const part of partsOf(op)) {
        const old = owners.get(part)
        if (!old) return []
        olds.add(old)
        for (const other of partsOf(old)) {
          const now = later.get(other)
          if (!now) return []
          news.add(now)
        }
      }
    }
    for (const op of news) done.add(op)
    return [{before: joint([...olds], before), after: joint([...news], after)}]
  })
}
