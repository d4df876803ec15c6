import {format} from '../units.ts'
import {worthwhile} from './shared.ts'
import type {AdviceRule} from './types.ts'

/** Diamos et al. 2016, "Persistent RNNs: Stashing Recurrent Weights On-Chip" (ICML). */
export const persistentKernel: AdviceRule = {
  id: 'persistent-kernel',
  title: 'steps that follow one another start once in a kernel that keeps their weights on chip',
  apply({evaluation, roof, withoutLaunch}) {
    const {launch} = roof
    const found = evaluation.operators.filter(
      (op) => op.sequential && op.sequential.steps > 1 && op.bound === launch?.id,
    )
    if (!launch || found.length === 0) return []
    const bare = new Map(withoutLaunch().operators.map((op) => [op.id, op.time.lower]))
    return found.flatMap((op) => {
      const saves = op.repeat * (op.time.lower - Math.max(launch.seconds, bare.get(op.id)!))
      if (!worthwhile(saves, evaluation)) return []
      const {steps, weights} = op.sequential!
      const times = op.repeat > 1 ? `${op.repeat} × ` : ''
      const message = `One kernel for all steps of ${op.id}: its ${times}${steps.toLocaleString('en-US')} steps follow one another and start one by one, ${format(launch.seconds, 's')} each. A persistent kernel that keeps the ${format(weights, 'B')} of recurrent weights on chip starts once, which saves at most ${format(saves, 's')}; more sequences at once (--batch) fill the same steps.`
      return [{rule: 'persistent-kernel', operator: op.id, message, saves}]
    })
  },
  example: {model: 'lstm-lm', machine: 'h100-sxm', options: {seq: 512, launchOverhead: 5e-6}},
  counterExample: {model: 'lstm-lm', machine: 'h100-sxm', options: {seq: 1, launchOverhead: 5e-6}},
}
