/** Weights, activations and KV cache in fewer bits, with the scales that this takes. */
import {type ComputeDType, type DType, dtypeBits} from '../dtype.ts'
import {type Graph, GraphBuilder, type Node, type Tensor} from '../graph.ts'
import {type DequantizeDims, dequantize} from '../ops/dequantize.ts'
import {quantize as quantizeOp} from '../ops/quantize.ts'
import {type OpCost, type TensorUse, useOf} from '../ops/types.ts'
import {type Compression, type QuantizeRule, quantizes} from './compression.ts'
import {type KeepRule, ruleFor} from './places.ts'
import {channelsOf, matrixOf, replaceTensors, sharedWeights} from './rewrite.ts'

/** Scales are 16 bits wide (GPTQ, AWQ and llama.cpp store f16). */
const SCALE: DType = 'f16'

/** Scales of a weight: one, one per output channel, or one per run of `group` values of a channel. */
function scalesOf(rule: QuantizeRule, elements: number, channels: number): number {
  if (rule.granularity === 'tensor') return 1
  return rule.granularity === 'channel' ? channels : channels * Math.ceil(elements / channels / rule.group)
}

/** Work of a quantized product beside the product. */
interface Extra {
  readonly flops: number
  readonly formula: string
}

const plus = (node: Node, cost: OpCost, {flops, formula}: Extra): Pick<Node, 'cost' | 'formula'> => ({
  cost: {...cost, flops: cost.flops + flops, vector: cost.vector + flops},
  formula: flops > 0 ? `${node.formula} + ${formula}` : node.formula,
})

/** One run of the pass. */
class Quantizer {
  private readonly builder = new GraphBuilder()
  private readonly replaced = new Map<Tensor, Tensor>()
  private readonly narrow = new Map<Tensor, readonly [Tensor, Tensor]>()
  private readonly kvScales = new Map<Tensor, readonly Tensor[]>()
  private readonly graph: Graph
  private readonly compression: Compression
  private readonly shared: ReadonlySet<Tensor>

  constructor(graph: Graph, compression: Compression) {
    this.graph = graph
    this.compression = compression
    this.shared = sharedWeights(graph)
    this.builder.tensors.push(...graph.tensors)
  }

  private rules(what: QuantizeRule['what']): readonly (QuantizeRule | KeepRule)[] {
    return quantizes(this.compression, what)
  }

  run(): Graph {
    for (const node of this.graph.nodes) this.builder.nodes.push(this.cache(this.product(node)))
    return replaceTensors({...this.graph, ...this.builder.graph()}, this.replaced)
  }

  /** The product on narrow weights, narrow activations, or both. */
  private product(node: Node): Node {
    const at = matrixOf(node)
    const weight = node.inputs[at]
    if (!weight || this.shared.has(weight)) return node
    const forWeights = ruleFor(this.rules('weights'), node.id)
    const forData = ruleFor(this.rules('activations'), node.id)
    let result = node
    if (forData) result = this.data(result, forData)
    if (forWeights) result = this.weights(result, at, weight, forWeights, forData !== undefined)
    if (!forWeights || !forData) return result
    // both operands are narrow: the product runs in the wider of their types
    const wide = dtypeBits[forWeights.dtype] >= dtypeBits[forData.dtype] ? forWeights.dtype : forData.dtype
    const mixed = (forWeights.dtype === 'fp8') !== (forData.dtype === 'fp8')
    const computes: ComputeDType = mixed ? 'fp8' : wide
    return {...result, computes}
  }

  private data(node: Node, rule: QuantizeRule): Node {
    const x = node.inputs[0]!
    const use = node.cost.reads[0]!
    const [q, scales] = this.narrow.get(x) ?? this.quantizeData(node, x, rule)
    const reads = [
      useOf(use.name, 'input', use.elements, rule.dtype),
      ...node.cost.reads.slice(1),
      useOf('x scales', 'input', scales.elements, SCALE),
    ]
    return {...node, cost: {...node.cost, reads}, inputs: [q, ...node.inputs.slice(1), scales]}
  }

  /** One operator per tensor, however many products read it. */
  private quantizeData(node: Node, x: Tensor, rule: QuantizeRule): readonly [Tensor, Tensor] {
    const {m} = node.dims
    const rows = typeof m === 'number' && x.elements % m === 0 ? m : 1
    // groups that do not divide a row would straddle two: one scale per row then
    const whole = (x.elements / rows) % rule.group === 0
    const count =
      rule.granularity === 'tensor' ? 1 : rule.granularity === 'group' && whole ? x.elements / rule.group : rows
    const dims = {groups: count, size: x.elements / count}
    const q = this.builder.tensor(`${x.name} quantized`, 'activation', x.elements, x.repeat, rule.dtype)
    const scales = this.builder.tensor(`${x.name} scales`, 'activation', count, x.repeat, SCALE)
    this.builder.add(quantizeOp, `${node.id}.quantize`, dims, [x], [q, scales], node.repeat)
    const made = this.builder.nodes.pop()!
    const [wide, scale] = made.cost.writes as [TensorUse, TensorUse]
    const writes = [useOf(wide.name, wide.role, wide.elements, rule.dtype), useOf(scale.name, scale.role, count, SCALE)]
    this.builder.nodes.push({...made, cost: {...made.cost, writes}})
    this.narrow.set(x, [q, scales])
    return [q, scales]
  }

  private weights(node: Node, at: number, weight: Tensor, rule: QuantizeRule, narrowData: boolean): Node {
    const channels = channelsOf(node)
    const count = scalesOf(rule, weight.elements, channels)
    const {repeat} = weight
    const q = {...weight, dtype: rule.dtype}
    this.replaced.set(weight, q)
    const brought = [this.builder.tensor(`${weight.name}.scales`, 'weight', count, repeat, SCALE)]
    if (rule.zeroPoints)
      brought.push(this.builder.tensor(`${weight.name}.zero-points`, 'weight', count, repeat, rule.dtype))
    const use = node.cost.reads[at]!
    const part = (elements: number) => Math.ceil((elements * use.elements) / weight.elements)
    const own = brought.map((tensor) => useOf(tensor.name, 'weight', part(tensor.elements), tensor.dtype))
    if (this.compression.dequantize === 'separate' && !narrowData)
      return this.separate(node, at, weight, rule, brought, own)
    const reads = node.cost.reads.map((read, i) =>
      i === at ? useOf(use.name, 'weight', use.elements, rule.dtype) : read,
    )
    const cost = {...node.cost, reads: [...reads, ...own]}
    const perWeight = rule.zeroPoints ? 2 : 1
    const outputs = node.cost.writes.reduce((sum, write) => sum + write.elements, 0)
    const runs = count > channels ? count / channels : 1
    // narrow operands: the sum of each run is scaled; wide ones: each weight is widened before its product
    const extra = narrowData
      ? {flops: perWeight * outputs * runs, formula: `${perWeight * outputs * runs} (rescale)`}
      : {flops: perWeight * use.elements, formula: `${perWeight * use.elements} (dequantize)`}
    return {...node, ...plus(node, cost, extra), inputs: [...node.inputs, ...brought]}
  }

  /** An operator of its own widens the weights into memory; the product reads them there. */
  private separate(
    node: Node,
    at: number,
    weight: Tensor,
    rule: QuantizeRule,
    brought: readonly Tensor[],
    own: readonly TensorUse[],
  ): Node {
    const use = node.cost.reads[at]!
    const wide = this.builder.activation(`${weight.name} dequantized`, use.elements)
    const dims: DequantizeDims = {groups: 1, size: use.elements, zeroPoints: rule.zeroPoints}
    const cost = dequantize.cost(dims)
    this.builder.nodes.push({
      id: `${node.id}.dequantize`,
      kind: dequantize.kind,
      trait: dequantize.trait,
      formula: dequantize.formula,
      dims,
      cost: {...cost, reads: [useOf('q', 'weight', use.elements, rule.dtype), ...own]},
      inputs: [weight, ...brought],
      outputs: [wide],
      repeat: node.repeat,
      fusedFrom: [],
    })
    const reads = node.cost.reads.map((read, i) => (i === at ? useOf(use.name, 'input', use.elements) : read))
    return {...node, cost: {...node.cost, reads}, inputs: node.inputs.map((tensor, i) => (i === at ? wide : tensor))}
  }

  /** Reads and writes of the cache in its narrow type, with its scales. */
  private cache(node: Node): Node {
    const rule = ruleFor(this.rules('kv'), node.id)
    if (!rule || ![...node.inputs, ...node.outputs].some(({role}) => role === 'kv')) return node
    const {headDim} = node.dims
    const size = rule.granularity === 'group' ? rule.group : typeof headDim === 'number' ? headDim : 0
    let widened = 0
    const side = (tensors: readonly Tensor[], uses: readonly TensorUse[], reading: boolean) => {
      const more: [Tensor, TensorUse][] = []
      const changed = uses.map((use, i) => {
        const tensor = tensors[i]
        if (use.role !== 'kv' || !tensor) return use
        const count = (elements: number) =>
          rule.granularity === 'tensor' || size === 0 ? 1 : Math.ceil(elements / size)
        this.replaced.set(tensor, {...tensor, dtype: rule.dtype})
        const own = (what: string, dtype: DType) =>
          this.builder.tensor(`${tensor.name} ${what}`, 'kv', count(tensor.elements), tensor.repeat, dtype)
        const [scales, zeroPoints] = this.kvScales.get(tensor) ?? [
          own('scales', SCALE),
          ...(rule.zeroPoints ? [own('zero points', rule.dtype)] : []),
        ]
        this.kvScales.set(tensor, [scales!, ...(zeroPoints ? [zeroPoints] : [])])
        more.push([scales!, useOf(`${use.name} scales`, 'kv', count(use.elements), SCALE)])
        if (zeroPoints) more.push([zeroPoints, useOf(`${use.name} zero points`, 'kv', count(use.elements), rule.dtype)])
        widened += reading ? use.elements : 0
        return useOf(use.name, 'kv', use.elements, rule.dtype)
      })
      return {
        uses: [...changed, ...more.map(([, use]) => use)],
        tensors: [...tensors, ...more.map(([tensor]) => tensor)],
      }
    }
    const reads = side(node.inputs, node.cost.reads, true)
    const writes = side(node.outputs, node.cost.writes, false)
    const cost = {...node.cost, reads: reads.uses, writes: writes.uses}
    // reading widens each value; writing takes the largest of a group, times 1/scale, round; a zero point is the smallest, and is subtracted
    const written = node.cost.writes.reduce((sum, use) => sum + (use.role === 'kv' ? use.elements : 0), 0)
    const flops = rule.zeroPoints ? 2 * widened + 5 * written : widened + 3 * written
    return {
      ...node,
      ...plus(node, cost, {flops, formula: `${flops} (${widened > 0 ? 'dequantize' : 'quantize'} cache)`}),
      inputs: reads.tensors,
      outputs: writes.tensors,
    }
  }
}

/**
 * Applies the rules of quantization: Jacob et al. 2017 (arXiv:1712.05877); groups: Frantar et al. 2022
 * (arXiv:2210.17323), Lin et al. 2023 (arXiv:2306.00978). Narrow weights alone compute in the type of the activations;
 * narrow weights and activations compute in their own type. Tied tables stay as they are.
 */
export const quantize = (graph: Graph, compression: Compression): Graph =>
  compression.quantize.length === 0 ? graph : new Quantizer(graph, compression).run()
