/** The activations of feed-forward layers by name, plain and as gate(x)·up. */
import {AnalysisError} from '../../errors.ts'
import type {ElementwiseDims} from '../../ops/elementwise.ts'
import {geglu} from '../../ops/geglu.ts'
import {gegluErf} from '../../ops/geglu-erf.ts'
import {gelu} from '../../ops/gelu.ts'
import {geluTanh} from '../../ops/gelu-tanh.ts'
import {reglu} from '../../ops/reglu.ts'
import {relu} from '../../ops/relu.ts'
import {silu} from '../../ops/silu.ts'
import {swiglu} from '../../ops/swiglu.ts'
import {swigluClamped} from '../../ops/swiglu-clamped.ts'
import type {OpDef} from '../../ops/types.ts'

export type ActivationName = 'gelu' | 'gelu-tanh' | 'relu' | 'silu' | 'silu-clamped'

const plain = {gelu, 'gelu-tanh': geluTanh, relu, silu} as const
const gates = {gelu: gegluErf, 'gelu-tanh': geglu, relu: reglu, silu: swiglu, 'silu-clamped': swigluClamped} as const

/** The operator between gate and up. */
export const gateOf = (name: ActivationName): OpDef<string, ElementwiseDims> => gates[name]

/** @throws AnalysisError `internal` for the one activation that only gates */
export function activationOf(name: ActivationName): OpDef<string, ElementwiseDims> {
  if (name !== 'silu-clamped') return plain[name]
  throw new AnalysisError('internal', 'no ungated feed-forward layer with silu-clamped')
}
