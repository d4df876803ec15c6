/** Activations by the name that an attribute gives them. */
import type {Call} from '../call.ts'
import {product, Unshaped, type Value} from '../values.ts'

/** Names of the registry, by the operator's name in ONNX. */
const named: Readonly<Record<string, 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'silu'>> = {
  relu: 'relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  gelu: 'gelu',
  silu: 'silu',
}
/** Operations per element of the others; those with an exponential have it as a special function. */
const counted: Readonly<Record<string, {operations: number; special: number}>> = {
  leakyrelu: {operations: 2, special: 0},
  hardsigmoid: {operations: 4, special: 0},
  clip: {operations: 2, special: 0},
  elu: {operations: 3, special: 1},
}

/**
 * The activation `name` of `x` as an operator of its own; `x` where there is none.
 * @throws Unshaped where nobody knows the name: the node is then listed
 */
export function activated(call: Call, x: Value, name: string): Value {
  const key = name.toLowerCase()
  if (key === '' || key === 'identity') return x
  if (!x.shape || product(x.shape) === 0) return x
  const output = call.make(x.shape, x.type)
  const kind = Object.hasOwn(named, key) ? named[key] : undefined
  if (kind) {
    call.emit(kind, {elements: product(x.shape)}, [x], [output], key)
    return output
  }
  const work = Object.hasOwn(counted, key) ? counted[key] : undefined
  if (!work) throw new Unshaped()
  return call.pointwise([x], output, work.operations, work.special, key)
}
