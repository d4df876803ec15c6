/**
 * Mixtures of experts (com.microsoft.MoE and QMoE): choice, dispatch, products per expert, combination, as in
 * `architectures/parts/mixture.ts`. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import {quoted} from '../../../errors.ts'
import type {Handler, Handlers} from '../call.ts'
import {Mistake, product, type Value} from '../values.ts'
import {unpacked} from './bits.ts'

const INT64 = 7

/** Positions of weights, scales and biases of the three products. */
interface Places {
  readonly weights: readonly [number, number, number]
  readonly scales: readonly [number, number, number] | null
  readonly biases: readonly [number, number, number]
}

const plain: Places = {weights: [2, 4, 6], scales: null, biases: [3, 5, 7]}
const narrow: Places = {weights: [2, 5, 8], scales: [3, 6, 9], biases: [4, 7, 10]}

const activations: Readonly<Record<string, 'relu' | 'gelu' | 'silu'>> = {relu: 'relu', gelu: 'gelu', silu: 'silu'}

/** Input [rows, hidden], router scores [rows, experts], then weights of the first, second and (gated) third product. */
const experts =
  (places: Places): Handler =>
  (call) => {
    const [x, scores] = [call.value(0), call.value(1)]
    const shape = call.shape(0)
    const hidden = shape.at(-1) ?? 0
    const rows = product(shape.slice(0, -1))
    const count = call.shape(1).at(-1) ?? 0
    const topK = call.int('k', 1)
    const output = call.make(shape, x.type)
    const w = call.shape(places.weights[0])
    const bits = places.scales ? call.int('expert_weight_bits', 4) : 0
    // [experts, width, hidden], packed along the last axis
    const width = w[1] ?? 0
    if (shape.length < 2 || w.length !== 3 || w[0] !== count || topK < 1 || topK > count)
      throw new Mistake(`input [${shape}], weights [${w}], ${topK} of ${count} experts`)
    const name = call.text('activation_type', 'relu').toLowerCase()
    const fused = name === 'swiglu'
    const act = fused ? undefined : (activations[name] ?? (name === 'identity' ? undefined : null))
    if (act === null || (fused && width % 2 !== 0))
      throw new Mistake(`the activation ${quoted(name)} of ${width} channels`)
    const inner = fused ? width / 2 : width
    if (rows * hidden * width === 0) return [output]
    const {type} = x
    const assigned = rows * topK
    const make = (place: number, size: number) => call.make([assigned, size], type, null, place)
    const [chosen, shares] = [call.make([assigned], INT64, null, 11), make(12, 1)]
    const normalized = call.int('normalize_routing_weights', 0) === 1
    call.emit('moe-gate', {rows, experts: count, topK, all: true, normalized}, [scores], [shares, chosen], 'topk')
    const sent = make(13, hidden)
    call.emit('gather', {rows: assigned, table: rows, width: hidden}, [x, chosen], [sent], 'dispatch')
    const multiply = (place: 0 | 1 | 2, from: Value, k: number, n: number, suffix: string): Value => {
      const y = make(14 + place, n)
      const packed = call.value(places.weights[place])
      const weights = places.scales ? unpacked(call, packed, count * k * n, bits) : packed
      const touched = Math.min(count, assigned)
      const part = (value: Value, size: number) => call.view(value, [size])
      const inputs = [from, chosen, part(weights, touched * k * n)]
      const bias = call.inputs[places.biases[place]]
      if (bias) inputs.push(part(bias, touched * n))
      const scales = places.scales ? call.value(places.scales[place]) : null
      if (scales) inputs.push(part(scales, Math.ceil((product(scales.shape ?? [0]) / count) * touched)))
      const beside = scales ? touched * k * n : 0
      const dims = {assigned, experts: count, n, k, bias: bias !== null && bias !== undefined, slots: 0, busiest: 0}
      call.emit('moe-linear', dims, inputs, [y], suffix, {beside})
      return y
    }
    const first = multiply(0, sent, hidden, width, 'fc1')
    let active = first
    const third = call.has(places.weights[2]) ? multiply(2, sent, hidden, width, 'fc3') : null
    const elements = assigned * inner
    if (fused || (act === 'silu' && third)) {
      active = make(17, inner)
      const [gate, up] = fused ? [call.view(first, [elements]), call.view(first, [elements])] : [first, third!]
      call.emit('swiglu', {elements}, [gate, up], [active], 'act')
    } else {
      if (act) {
        active = make(17, inner)
        call.emit(act, {elements}, [first], [active], 'act')
      }
      if (third) {
        const gated = make(18, inner)
        call.emit('mul', {elements}, [active, third], [gated], 'gate')
        active = gated
      }
    }
    const second = multiply(1, active, inner, hidden, 'fc2')
    call.emit('moe-combine', {rows, topK, width: hidden}, [second, shares], [output], 'combine')
    return [output]
  }

export const mixtures: Handlers = {
  'com.microsoft.MoE': experts(plain),
  'com.microsoft.QMoE': experts(narrow),
}
