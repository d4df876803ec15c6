/** What there is to know of one model: its dimensions and its parameters, counted. */
import {graphOf} from './analyze.ts'
import type {ModelFacts} from './document/list.ts'
import {parameterCount} from './graph.ts'
import type {ModelDef} from './models/types.ts'
import {resolveWorkload} from './workload.ts'

/** Counts the parameters of the whole model on one device. */
export function modelFacts(model: ModelDef): ModelFacts {
  const {total} = parameterCount(graphOf(model, resolveWorkload(model, {seq: 1})))
  const {id, name, source, dtype, spec} = model
  const {bias, ...dims} = spec
  const biased = Object.entries(bias).filter(([, has]) => has)
  return {
    kind: 'model',
    items: [
      {
        id,
        name,
        source,
        parameters: total,
        dtype,
        dims: {...dims, biases: biased.map(([where]) => where).join(' ') || 'none'},
      },
    ],
  }
}
