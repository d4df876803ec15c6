/** What there is to know of one model: its dimensions and its parameters, counted. */
import type {LayerGroup} from './architectures/transformer.ts'
import type {ModelFacts} from './document/list.ts'
import {parameterCount} from './graph.ts'
import {buildGraph, type ModelDef} from './models/types.ts'
import {resolveWorkload} from './workload.ts'

/** Layers of one kind among several. */
const isGroup = (value: unknown): value is LayerGroup =>
  typeof value === 'object' && value !== null && 'layers' in value && 'name' in value

/** Nested dimensions as one level: `bias: {qkv: true}` is `bias.qkv: true`; lists are joined, lists of records counted. */
function flat(spec: object, prefix = ''): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(spec).flatMap(([key, value]): [string, string | number | boolean][] => {
      if (Array.isArray(value) && value.every(isGroup)) {
        return value.flatMap(({name, ...group}) => Object.entries(flat(group, `${prefix}${key}.${name || 'all'}.`)))
      }
      if (Array.isArray(value)) {
        // what a file lists (operators, weights) is counted, not printed
        const listed = value.some((one) => typeof one === 'object')
        return [[prefix + key, listed ? value.length : value.join(' ')]]
      }
      return typeof value === 'object' && value !== null
        ? Object.entries(flat(value, `${prefix}${key}.`))
        : [[prefix + key, value]]
    }),
  )
}

/** Counts the parameters of the whole model on one device. */
export function modelFacts(model: ModelDef): ModelFacts {
  const {total} = parameterCount(buildGraph(model, resolveWorkload(model, {})))
  const {id, name, source, dtype, spec} = model
  return {
    kind: 'model',
    items: [
      {
        id,
        name,
        source,
        parameters: total,
        dtype,
        dims: flat(spec),
      },
    ],
  }
}
