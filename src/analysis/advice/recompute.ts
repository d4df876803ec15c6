import type {Training} from '../training/options.ts'
import {format} from '../units.ts'
import {attempt, fits, worthwhile} from './shared.ts'
import type {AdviceRule} from './types.ts'

interface Way {
  readonly what: string
  readonly flags: string
  readonly change: Partial<Training>
}

/** What a step that waits for its link can do instead: keep less, so that less or nothing crosses it. */
const ways: readonly Way[] = [
  {what: 'Keep activations on the device', flags: 'without --offload-activations', change: {offload: null}},
  {
    what: 'Recompute layers instead of offloading',
    flags: '--recompute full, without --offload-activations',
    change: {offload: null, recompute: 'full'},
  },
  {what: 'Recompute layers and offload their inputs', flags: '--recompute full', change: {recompute: 'full'}},
]

export const recompute: AdviceRule = {
  id: 'recompute',
  title: 'a step that waits for offloaded activations is faster where it computes them again',
  apply(context) {
    const {work, evaluation} = context
    const {training} = work
    if (!training || !evaluation.link || evaluation.time.lower > evaluation.link.seconds) return []
    const [best] = ways
      .flatMap((way) => {
        const change = {training: {...training, ...way.change}}
        const then = fits(context, change) ? attempt(context, change) : undefined
        return then ? [{...way, seconds: then.time.lower, saves: evaluation.time.lower - then.time.lower}] : []
      })
      .sort((a, b) => b.saves - a.saves)
    if (!best || !worthwhile(best.saves, evaluation)) return []
    const message = `${best.what}: a step takes ${format(best.seconds, 's')} instead of ${format(evaluation.time.lower, 's')} and fits (${best.flags}).`
    return [{rule: 'recompute', operator: null, message, saves: best.saves}]
  },
  example: {model: 'gpt2', machine: 'h100-sxm', options: {phase: 'train', batch: 8, offload: 16e9}},
  counterExample: {model: 'gpt2', machine: 'h100-sxm', options: {phase: 'train', batch: 8, offload: 16e12}},
}
