/** Whether a result is known from the file, from sizes alone, or only in a run. */
import type {OnnxNode} from './types.ts'
import type {Origin, Value} from './values.ts'

/** Operators whose result differs from run to run whatever they read. */
const random = new Set([
  'RandomNormal',
  'RandomUniform',
  'RandomNormalLike',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
])

/** A result of known values is known; one input that differs from run to run makes it differ. */
export function originOf(inputs: readonly (Value | null)[], node: OnnxNode): Origin {
  if (random.has(node.op)) return 'run'
  if (node.op === 'Shape' || node.op === 'Size') return 'shape'
  // a branch or a body may read names of the graph around it
  if (node.attributes.some((attribute) => attribute.graph)) return 'run'
  let origin: Origin = 'file'
  for (const input of inputs) {
    if (!input) continue
    if (input.origin === 'run') return 'run'
    if (input.origin === 'shape') origin = 'shape'
  }
  return origin
}
