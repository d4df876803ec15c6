/** What an operator is: one definition serves cost, reference, documentation and tests. */
import {bytesOf, type DType} from '../dtype.ts'
import type {Bytes, Flops} from '../units.ts'

/** What a tensor is to the operator that touches it; its type follows from the workload's types for that role. */
export type Role = 'weight' | 'input' | 'output' | 'kv' | 'constant' | 'index'

/** One tensor read or written once by one instance of an operator. `elements` may be a part of the whole tensor. */
export interface TensorUse {
  readonly name: string
  readonly role: Role
  readonly elements: number
  /** type of a tensor that does not follow the workload's type for its role: master weights, masks, scales; else `null` */
  readonly dtype: DType | null
  /**
   * rows that a gather takes in no order, each as likely from anywhere in the tensor: their elements in all, which may be more than the tensor
   * has, and those of one row, which lie together. Compulsory traffic counts `elements`; a kernel's roof asks for what caches cannot hold.
   */
  readonly gathered?: {readonly elements: number; readonly row: number}
}

/** A tensor of a forward operator that its gradient touches. */
export interface GradientUse {
  /** `input` and `output` index the tensors of the forward cost, `gradient` the gradients of its outputs, `extra` what forward keeps for it */
  readonly of: 'input' | 'output' | 'gradient' | 'extra'
  readonly at: number
  readonly elements: number
}

/** The cost of one gradient: exact counts as in `OpCost`; what is read is what must be kept from the forward pass. */
export interface GradientPart {
  /** FLOPs as an expression in the dims, as `OpDef.formula` */
  readonly formula: string
  readonly macs: number
  /** useful FLOPs: what is computed a second time because it was not kept stands in `matrix + vector` alone */
  readonly flops: Flops
  readonly matrix: Flops
  readonly vector: Flops
  readonly special: number
  readonly reads: readonly GradientUse[]
  /** forward inputs whose gradient is written */
  readonly writes: readonly {readonly at: number; readonly elements: number}[]
  /** elements that it writes and reads back in between: columns, transformed tiles */
  readonly workspace?: number
  /** as in `OpCost` */
  readonly steps?: Steps
}

/** The backward pass of an operator, data gradient and weight gradient apart. */
export interface Backward {
  /** gradient of the data that came in; `null` where it is the gradient of the output itself (an addition) or there is none */
  readonly data: GradientPart | null
  /** gradient of the weights (of edge weights, in a sparse product); `null` where there are none */
  readonly weights: GradientPart | null
  /** inputs whose gradient is the output's gradient, without arithmetic or traffic */
  readonly passes?: readonly number[]
  /** what the forward operator writes for its gradient alone: masks, row statistics; `null`: in the activations' type */
  readonly extra?: readonly {readonly name: string; readonly elements: number; readonly dtype: DType | null}[]
}

/** Work whose steps follow one another, whatever the machine: what one of them does, and how many there are. */
export interface Steps {
  readonly count: number
  /** executed FLOPs of matrix products of one step */
  readonly matrix: Flops
  /** executed FLOPs of everything else in one step */
  readonly vector: Flops
  /** exp, log, tanh, erf of one step */
  readonly special: number
  /** the weights that every step reads: from memory once, then from wherever they have stayed */
  readonly weights: TensorUse
}

/**
 * The cost of one instance, exact integers, independent of number formats.
 *
 * `flops` counts the useful arithmetic (kept pairs of a causal mask); `matrix + vector` is what an implementation
 * executes, split by the engine that can do it. They differ only where an implementation computes what a mask discards.
 */
export interface OpCost {
  /** multiply-accumulates of matrix products alone; 1 MAC = 2 FLOP */
  readonly macs: number
  readonly flops: Flops
  /** executed FLOPs of matrix products: a matrix engine can take them */
  readonly matrix: Flops
  /** executed FLOPs of everything else */
  readonly vector: Flops
  /** exp, log, tanh, erf among the FLOPs */
  readonly special: number
  readonly reads: readonly TensorUse[]
  readonly writes: readonly TensorUse[]
  /** part of the work above that cannot run in parallel; absent where all of it can */
  readonly steps?: Steps
}

/**
 * How an operator can share a kernel with its neighbours.
 * contraction: reduces over an inner dimension, can take an elementwise epilogue; elementwise: one output element per
 * input element; rowwise: needs a whole row; gather: moves rows; window: needs neighbours or whole planes and stands alone; attention: the two
 * products around a softmax.
 */
export type Trait = 'contraction' | 'elementwise' | 'rowwise' | 'gather' | 'window' | 'attention'

export type Dim = number | boolean
export type Dims = {readonly [name: string]: Dim}

/** A worked example: documentation and test at once. `bytes` is for f32 wherever a tensor has no type of its own. */
export interface Example<D> {
  readonly dims: D
  readonly flops: Flops
  readonly bytes: Bytes
  readonly source: string
}

export interface OpDef<K extends string = string, D extends Dims = Dims> {
  readonly kind: K
  /** one sentence: what it computes */
  readonly title: string
  readonly trait: Trait
  /** FLOPs of one instance as an expression in the names of `dims` and `derived`; booleans count as 0 or 1 */
  readonly formula: string
  /** names in the formula that are computed from the dims, with their rule in words */
  readonly where?: string
  derived?(dims: D): Record<string, number>
  /** where the formula or the algorithm comes from */
  readonly source: string
  cost(dims: D): OpCost
  /**
   * The oracle of every native and WGSL kernel of this kind, in f64. Inputs in the order of `cost().reads`, outputs in
   * the order of `cost().writes`, row-major.
   */
  reference?(dims: D, inputs: readonly Float64Array[]): Float64Array[]
  /** the rule of its backward pass; without one a model that uses it cannot be trained here, and the tool says so */
  backward?(dims: D): Backward
  /**
   * Set where the graph, not the operator, says which inputs are weights, and where its one read may stand for several
   * inputs. `each`: the rule is that of one input, `read` being its size; `together`: one gradient writes them all;
   * `apart`: the two parts of the rule are the gradients of two operands.
   */
  readonly operands?: 'each' | 'together' | 'apart'
  readonly examples: readonly Example<D>[]
}

// one place makes them all, so that the engine's inner loop sees one object layout
const use = (name: string, role: Role, elements: number, dtype: DType | null = null): TensorUse => ({
  name,
  role,
  elements,
  dtype,
})

// The first object fixes the field as a double in V8's layout. Starting from small integers, the layout is deprecated at
// the first count above 2^31 and every older object is migrated on each access: measured 6,000 against 25,000 analyses/s.
use('', 'input', 0.5)

export const weight = (name: string, elements: number): TensorUse => use(name, 'weight', elements)
export const input = (name: string, elements: number): TensorUse => use(name, 'input', elements)
export const output = (name: string, elements: number): TensorUse => use(name, 'output', elements)
export const kv = (name: string, elements: number): TensorUse => use(name, 'kv', elements)
export const constant = (name: string, elements: number): TensorUse => use(name, 'constant', elements)
export const index = (name: string, elements: number): TensorUse => use(name, 'index', elements)

/** A use of any role, with a type of its own where `dtype` is given. */
export const useOf = use

/** The type that a tensor has whatever the workload's types are: quantized values, masks, indices; else `null`. */
export const ownType = (use: TensorUse): DType | null => use.dtype ?? (use.role === 'index' ? 'i64' : null)

/** Compulsory bytes of a cost with every tensor that has no type of its own in one type: used by examples and `explain`. */
export function compulsoryBytes(cost: OpCost, dtype: DType): Bytes {
  let bytes = 0
  for (const use of cost.reads) bytes += bytesOf(use.elements, ownType(use) ?? dtype)
  for (const use of cost.writes) bytes += bytesOf(use.elements, ownType(use) ?? dtype)
  return bytes
}
