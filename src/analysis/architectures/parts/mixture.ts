/** The feed-forward part of a mixture of experts: router, choice, dispatch, expert products, combination, shared experts. */
import type {Tensor} from '../../graph.ts'
import {add} from '../../ops/add.ts'
import type {ElementwiseDims} from '../../ops/elementwise.ts'
import {gather} from '../../ops/gather.ts'
import {moeCombine} from '../../ops/moe-combine.ts'
import {moeGate} from '../../ops/moe-gate.ts'
import {moeGateSigmoid} from '../../ops/moe-gate-sigmoid.ts'
import {moeLinear, slotsOf} from '../../ops/moe-linear.ts'
import {sigmoid} from '../../ops/sigmoid.ts'
import type {OpDef} from '../../ops/types.ts'
import type {Routing} from '../types.ts'
import type {LayerContext} from './layer.ts'

export interface MixtureSpec {
  readonly experts: number
  /** experts that each token chooses */
  readonly topK: number
  /** width of one expert */
  readonly ffn: number
  /** width of the experts that every token goes through, together; 0 where there are none */
  readonly sharedFfn: number
  /** the output of the shared experts is multiplied by the sigmoid of one learned number per token (Qwen1.5-MoE) */
  readonly sharedGate?: boolean
  /** softmax over all experts, over the chosen ones, or sigmoid scores */
  readonly gate: 'softmax' | 'softmax-chosen' | 'sigmoid'
  /** the weights of the chosen experts are divided by their sum */
  readonly normalized: boolean
  /** a learned number per expert that takes part in the choice alone */
  readonly selectionBias: boolean
  readonly routerBias: boolean
  readonly expertBias: boolean
  /**
   * Every expert computes ⌈factor·tokens·topK/experts⌉ rows, padded, unless the workload says another factor. Absent: none
   * is padded. What is padded is executed, not useful.
   */
  readonly capacityFactor?: number
}

/** Adds the mixture behind `input` and returns its output, [rows, hidden]. */
export function mixture(
  {b, ids, layers, batch, seq, hidden, tp, project}: LayerContext,
  spec: MixtureSpec,
  activation: OpDef<string, ElementwiseDims>,
  input: Tensor,
  routing?: Routing,
): Tensor {
  const {experts, topK, normalized} = spec
  const rows = batch * seq
  const ffn = spec.ffn / tp
  const assigned = rows * topK
  const at = (name: string) => `${ids.prefix}mlp.${name}`

  const logits = b.activation('router logits', rows * experts)
  project(at('router'), input, rows, experts, hidden, spec.routerBias, [logits], layers)
  const weights = b.activation('expert weights', assigned)
  const chosen = b.tensor('experts', 'index', assigned)
  if (spec.gate === 'sigmoid') {
    const bias = spec.selectionBias
    const inputs = bias ? [logits, b.weight(`${at('topk')}.bias`, experts, layers)] : [logits]
    b.add(moeGateSigmoid, at('topk'), {rows, experts, topK, bias}, inputs, [weights, chosen], layers)
  } else {
    const dims = {rows, experts, topK, all: spec.gate === 'softmax', normalized}
    b.add(moeGate, at('topk'), dims, [logits], [weights, chosen], layers)
  }

  const sent = b.activation('dispatched', assigned * hidden)
  b.add(gather, at('dispatch'), {rows: assigned, table: rows, width: hidden}, [input, chosen], [sent], layers)
  const slots = slotsOf(assigned, experts, routing?.capacityFactor ?? spec.capacityFactor)
  // no expert gets a token twice
  const busiest = Math.min(rows, slotsOf(assigned, experts, routing?.imbalance ?? undefined))
  const product = (id: string, x: Tensor, k: number, n: number, name: string): Tensor => {
    const y = b.activation(name, assigned * n)
    const inputs = [x, chosen, b.expertWeight(`${id}.weight`, experts * k * n, layers, topK * k * n)]
    if (spec.expertBias) inputs.push(b.expertWeight(`${id}.bias`, experts * n, layers, topK * n))
    b.add(moeLinear, id, {assigned, experts, n, k, bias: spec.expertBias, slots, busiest}, inputs, [y], layers)
    return y
  }
  const up = product(ids.up, sent, hidden, ffn, 'up')
  const gate = product(ids.gate, sent, hidden, ffn, 'gate')
  const act = b.activation('act', assigned * ffn)
  b.add(activation, ids.act, {elements: assigned * ffn}, [gate, up], [act], layers)
  const down = product(ids.down, act, ffn, hidden, 'expert outputs')
  const routed = b.activation('mixture output', rows * hidden)
  b.add(moeCombine, at('combine'), {rows, topK, width: hidden}, [down, weights], [routed], layers)
  if (spec.sharedFfn === 0) return routed

  const width = spec.sharedFfn / tp
  const [sharedUp, sharedGate] = [b.activation('shared up', rows * width), b.activation('shared gate', rows * width)]
  project(at('shared.up'), input, rows, width, hidden, false, [sharedUp], layers)
  project(at('shared.gate'), input, rows, width, hidden, false, [sharedGate], layers)
  const sharedAct = b.activation('shared act', rows * width)
  b.add(activation, at('shared.act'), {elements: rows * width}, [sharedGate, sharedUp], [sharedAct], layers)
  let shared = b.activation('shared output', rows * hidden)
  project(at('shared.down'), sharedAct, rows, hidden, width, false, [shared], layers)
  if (spec.sharedGate) {
    const [score, share] = [b.activation('shared score', rows), b.activation('shared share', rows)]
    project(at('shared.scale'), input, rows, 1, hidden, false, [score], layers)
    b.add(sigmoid, at('shared.sigmoid'), {elements: rows}, [score], [share], layers)
    const scaled = b.activation('shared output, scaled', rows * hidden)
    b.add(moeCombine, at('shared.combine'), {rows, topK: 1, width: hidden}, [shared, share], [scaled], layers)
    shared = scaled
  }
  const sum = b.activation('mlp output', rows * hidden)
  b.add(add, at('shared.add'), {elements: rows * hidden}, [routed, shared], [sum], layers)
  return sum
}
