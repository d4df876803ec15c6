/** The optimizer's step over every trained weight, and what it keeps. */
import {bytesOf, type DType, dtypeBits} from '../dtype.ts'
import type {GraphBuilder, Node, Tensor} from '../graph.ts'
import {adafactor} from '../ops/adafactor.ts'
import {adam} from '../ops/adam.ts'
import {adamw} from '../ops/adamw.ts'
import {momentum} from '../ops/momentum.ts'
import {rmsprop} from '../ops/rmsprop.ts'
import {sgd} from '../ops/sgd.ts'
import type {Dims, OpDef, TensorUse} from '../ops/types.ts'
import type {Bytes} from '../units.ts'
import type {DTypes} from '../workload.ts'
import type {OptimizerId} from './options.ts'

const elementwise = {sgd, momentum, rmsprop, adam, adamw} as const

/** Types of what a step keeps, from the type of the weights. */
export interface StateTypes {
  /** weights narrower than f32 are updated in an f32 copy, the master weights */
  readonly master: DType | null
  /** moments */
  readonly state: DType
  /** gradients: the weights' type, at least 16 bits wide */
  readonly gradient: DType
}

/** Micikevicius et al. 2017 (arXiv:1710.03740) §3.1: narrow weights and gradients, an f32 master copy; moments in f32. */
export function stateTypes({weights, activations}: DTypes): StateTypes {
  const gradient = dtypeBits[weights] >= 16 ? weights : activations
  return {
    master: dtypeBits[weights] < 32 ? 'f32' : null,
    state: weights === 'f64' ? 'f64' : 'f32',
    gradient: dtypeBits[gradient] >= 16 ? gradient : 'f32',
  }
}

/** Rows and columns of a weight, from the operator that uses it; `null` where it is no matrix. */
function shapeOf(weight: Tensor, nodes: readonly Node[]): {rows: number; cols: number} | null {
  for (const {inputs, dims} of nodes) {
    const at = inputs.indexOf(weight)
    if (at < 0) continue
    const {n, k, width} = dims
    const cols = typeof n === 'number' && typeof k === 'number' && n * k === weight.elements ? n : width
    if (typeof cols === 'number' && cols > 1 && weight.elements > cols && weight.elements % cols === 0)
      return {rows: weight.elements / cols, cols}
  }
  return null
}

export interface Step {
  /** bytes of master weights and moments */
  readonly bytes: Bytes
}

/** Adds the optimizer behind the backward pass: one operator over all weights, or one per weight where shapes matter. */
export function addOptimizer(
  builder: GraphBuilder,
  gradients: ReadonlyMap<Tensor, Tensor>,
  id: OptimizerId,
  dtype: DTypes,
): Step {
  const types = stateTypes(dtype)
  const copy = types.master !== null
  const master = types.master ?? dtype.weights
  let bytes = 0
  const typed = (use: TensorUse): TensorUse => {
    if (use.name === 'copy') return {...use, dtype: dtype.weights}
    if (use.name === 'w') return {...use, dtype: master}
    return {...use, dtype: use.name === 'g' ? types.gradient : types.state}
  }
  const step = <D extends Dims>(op: OpDef<string, D>, nodeId: string, dims: D, repeat: number) => {
    const cost = op.cost(dims)
    const reads = cost.reads.map(typed)
    const writes = cost.writes.map(typed)
    // what the step owns: the master weights, where the weights themselves are narrower, and its moments
    for (const use of reads) {
      const owned = use.name === 'w' ? copy : use.name !== 'g'
      if (owned) bytes += bytesOf(use.elements, use.dtype ?? types.state) * repeat
    }
    const tensor = (use: TensorUse) =>
      builder.tensor(`${nodeId}.${use.name}`, 'constant', use.elements, repeat, use.dtype)
    const known = new Map(reads.map((use) => [use.name, tensor(use)]))
    builder.nodes.push({
      id: nodeId,
      kind: op.kind,
      trait: op.trait,
      formula: op.formula,
      dims,
      cost: {...cost, reads, writes},
      inputs: reads.map((use) => known.get(use.name)!),
      outputs: writes.map((use) => known.get(use.name) ?? tensor(use)),
      repeat,
      fusedFrom: [],
      computes: types.state === 'f64' ? 'f64' : 'f32',
    })
  }
  if (id === 'adafactor') {
    const forward = [...builder.nodes]
    for (const weight of gradients.keys()) {
      const shape = shapeOf(weight, forward)
      const {rows, cols} = shape ?? {rows: weight.elements, cols: 1}
      step(adafactor, `optimizer.${weight.name}`, {rows, cols, factored: shape !== null, copy}, weight.repeat)
    }
  } else if (gradients.size > 0) {
    let elements = 0
    for (const weight of gradients.keys()) elements += weight.elements * weight.repeat
    step(elementwise[id], 'optimizer', {elements, copy}, 1)
  }
  return {bytes}
}
