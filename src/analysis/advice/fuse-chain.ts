import type {Evaluation, PlacedOperator} from '../evaluate.ts'
import type {Seconds} from '../units.ts'
import {format} from '../units.ts'
import {worthwhile} from './shared.ts'
import type {AdviceRule} from './types.ts'

/** More chains than this would bury the first. */
const MOST = 3

interface Chain {
  readonly id: string
  readonly saves: Seconds
  readonly bytes: number
}

const partsOf = (op: PlacedOperator): readonly string[] => (op.fusedFrom.length > 0 ? op.fusedFrom : [op.id])
const bytesOf = (op: PlacedOperator): number =>
  [...op.reads, ...op.writes].reduce((sum, use) => sum + use.bytes, 0) * op.repeat

/** Fused operators of `fused` beside the operators of `current` that they would replace; those that straddle two are left out. */
function chains(current: Evaluation, fused: Evaluation): Chain[] {
  const known = new Set(current.operators.map((op) => op.id))
  const owners = new Map<string, PlacedOperator>()
  for (const op of current.operators) for (const part of partsOf(op)) owners.set(part, op)
  return fused.operators
    .filter((op) => op.fusedFrom.length > 0 && !known.has(op.id))
    .flatMap((op) => {
      const wanted = new Set(op.fusedFrom)
      const replaced = [...new Set(op.fusedFrom.flatMap((part) => owners.get(part) ?? []))]
      const covered = replaced.flatMap(partsOf)
      if (covered.length !== wanted.size || !covered.every((part) => wanted.has(part))) return []
      const seconds = replaced.reduce((sum, now) => sum + now.time.lower * now.repeat, 0)
      const bytes = replaced.reduce((sum, now) => sum + bytesOf(now), 0)
      return [{id: op.id, saves: seconds - op.time.lower * op.repeat, bytes: bytes - bytesOf(op)}]
    })
}

export const fuseChain: AdviceRule = {
  id: 'fuse-chain',
  title: 'a chain of operators in one kernel keeps what lies between out of memory',
  apply({work, evaluation, rerun}) {
    if (work.fusion === 'all') return []
    // operators that wait for a link in any case save no more than what they take beyond it
    const {link, time} = evaluation
    const most = link ? time.lower - link.seconds : Number.POSITIVE_INFINITY
    return chains(evaluation, rerun({fusion: 'all'}))
      .map((chain) => ({...chain, saves: Math.min(chain.saves, most)}))
      .filter(({saves}) => worthwhile(saves, evaluation))
      .sort((a, b) => b.saves - a.saves)
      .slice(0, MOST)
      .map(({id, saves, bytes}) => ({
        rule: 'fuse-chain',
        operator: id,
        message: `Fuse ${id}: ${format(bytes, 'B')} less traffic saves at most ${format(saves, 's')} (--fusion all).`,
        saves,
      }))
  },
  example: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'prefill', fusion: 'none'}},
  counterExample: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'prefill', fusion: 'all'}},
}
