/** What the two rules on narrower types share. */
import type {Advice} from '../document/analysis.ts'
import {type ComputeDType, dtypeBits} from '../dtype.ts'
import {format} from '../units.ts'
import {shareWaiting, worthwhile} from './shared.ts'
import type {AdviceContext} from './types.ts'

interface Kind {
  readonly rule: string
  readonly role: 'weight' | 'kv'
  readonly field: 'weights' | 'kv'
  readonly memory: 'weights' | 'kvCache'
  readonly what: string
  readonly flag: string
}

/** One advice for each type that is narrower than today's, as long as operators wait for these tensors. */
export function quantize(context: AdviceContext, types: readonly ComputeDType[], kind: Kind): Advice[] {
  const {work, evaluation, rerun} = context
  // a step updates its weights: it needs more of them than 8 or 4 bits
  if (work.training || shareWaiting(context, evaluation, kind.role) === 0) return []
  const today = work.dtype[kind.field]
  // what a pass has narrowed already keeps its type
  const isPartly = work.compression?.quantize.some(({what}) => what === kind.field)
  const change = isPartly
    ? (type: string) => `${kind.what} still in ${today} to ${type}`
    : (type: string) => `${kind.what} in ${type} instead of ${today}`
  return types
    .filter((type) => dtypeBits[type] < dtypeBits[today])
    .flatMap((type) => {
      const then = rerun({dtype: {...work.dtype, [kind.field]: type}})
      const saves = evaluation.time.lower - then.time.lower
      if (!worthwhile(saves, evaluation)) return []
      const [before, after] = [evaluation.memory[kind.memory], then.memory[kind.memory]]
      const message = `${change(type)}: ${format(before, 'B')} become ${format(after, 'B')} (${format(before - after, 'B')} less, scales not counted), which saves ${format(saves, 's')} (${kind.flag} ${type}). What it does to the answers is for you to measure.`
      return [{rule: kind.rule, operator: null, message, saves}]
    })
}
