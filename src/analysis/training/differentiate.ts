/** Forward graph with a loss → the same graph with its backward pass behind it, from the operators' own rules. */
import type {DType} from '../dtype.ts'
import {AnalysisError} from '../errors.ts'
import {type Graph, type GraphBuilder, type Node, type Tensor, writtenElements} from '../graph.ts'
import {add} from '../ops/add.ts'
import {ops} from '../ops/index.ts'
import {type Backward, type GradientPart, type OpCost, type OpDef, type TensorUse, useOf} from '../ops/types.ts'
import {isDifferentiable, ruleInPlace} from './operands.ts'
import {continueFrom} from './prepare.ts'
import type {Segment} from './segments.ts'

const registry: Readonly<Record<string, OpDef>> = ops

export interface DifferentiateOptions {
  /** of the operators, how many at the start take no part: a teacher's */
  readonly apart: number
  readonly trains: (weight: Tensor) => boolean
  readonly segments: readonly Segment[]
  /** type of the weights' gradients */
  readonly gradientType: DType
  /** of the elements of a tensor, how many this device holds */
  readonly held: (tensor: Tensor, elements: number) => number
}

export interface Differentiated {
  readonly graph: Graph
  /** operators before the backward pass */
  readonly forward: number
  /** weight → its gradient */
  readonly gradients: ReadonlyMap<Tensor, Tensor>
  /** tensors that wait for the backward pass once, though a repeated layer reads them: outputs of the last layer */
  readonly once: ReadonlySet<Tensor>
}

/** Tensors that a gradient must reach: what a trained weight flows into, and the inputs of layers that train. */
function reached(nodes: readonly Node[], trains: (weight: Tensor) => boolean): Set<Tensor> {
  const needs = new Set<Tensor>()
  const trainsIn = new Set<number>()
  for (const node of nodes) {
    for (const tensor of node.inputs) {
      if (tensor.role !== 'weight' || !isDifferentiable(tensor) || !trains(tensor)) continue
      needs.add(tensor)
      trainsIn.add(node.repeat)
    }
  }
  const producedIn = new Map<Tensor, number>()
  for (const node of nodes) {
    for (const tensor of node.inputs) {
      // what enters a repeated layer is, from its second instance on, what the instance before it wrote
      const entry = node.repeat > 1 && tensor.role === 'activation' && producedIn.get(tensor) !== node.repeat
      if (entry && trainsIn.has(node.repeat)) needs.add(tensor)
    }
    const flows = node.inputs.some((tensor) => needs.has(tensor))
    for (const tensor of node.outputs) {
      producedIn.set(tensor, node.repeat)
      if (flows && isDifferentiable(tensor)) needs.add(tensor)
    }
  }
  return needs
}

/** A gradient on its way to the operator that wrote the tensor. */
interface Arrival {
  readonly gradient: Tensor
  /** of the operator that sent it, and of which of its inputs it is the gradient */
  readonly from: string
  readonly repeat: number
}

/** Inputs that are pieces of one tensor (the parts of a joint projection) have pieces of one gradient: one write. */
function piecesOf(writes: GradientPart['writes'], node: Node): GradientPart['writes'] {
  const merged = new Map<Tensor, {at: number; elements: number}>()
  const apart: {at: number; elements: number}[] = []
  for (const write of writes) {
    const tensor = node.inputs[write.at]!
    const known = merged.get(tensor)
    const sum = (known?.elements ?? 0) + write.elements
    if (known && sum <= tensor.elements) known.elements = sum
    else {
      const own = {...write}
      if (!known) merged.set(tensor, own)
      apart.push(own)
    }
  }
  return apart
}

/** One backward pass under construction. */
class Differentiation {
  private readonly builder: GraphBuilder
  private readonly needs: Set<Tensor>
  private readonly options: DifferentiateOptions
  private readonly arriving = new Map<Tensor, Arrival[]>()
  /** what each operator kept for its gradient alone */
  private readonly extras = new Map<string, readonly Tensor[]>()
  /** tensor → the same tensor computed again */
  private again = new Map<Tensor, Tensor>()
  /** inputs of the reversible layers that were inverted last: what the layers below them have written */
  private restored: {readonly of: Tensor; readonly upper: Tensor; readonly lower: Tensor} | null = null
  readonly once = new Set<Tensor>()
  readonly gradients = new Map<Tensor, Tensor>()

  constructor(builder: GraphBuilder, needs: Set<Tensor>, options: DifferentiateOptions) {
    this.builder = builder
    this.needs = needs
    this.options = options
  }

  ruleOf(node: Node): Backward | null {
    if (!node.inputs.some((tensor) => this.needs.has(tensor))) return null
    // nothing differentiable comes out of it (a comparison, an index): no gradient will arrive
    if (!node.outputs.some(isDifferentiable)) return null
    const op = registry[node.kind]
    if (op?.backward) return ruleInPlace(op, node, this.needs)
    throw new AnalysisError(
      'bad-phase',
      `--phase train: operator ${node.id} (${node.kind}) has no rule for its gradient`,
      ['use --phase prefill or forward, or freeze what stands before it with --freeze'],
    )
  }

  /** The forward operator, writing what its gradient will read beside its outputs, unless it runs again before that. */
  forward(node: Node, runsAgain: boolean): void {
    const rule = this.ruleOf(node)
    this.builder.nodes.push(runsAgain ? node : this.withExtras(node, rule))
  }

  private withExtras(node: Node, rule: Backward | null): Node {
    const extra = rule?.extra ?? []
    if (extra.length === 0) return node
    const tensors = extra.map(({name, elements, dtype}) =>
      this.builder.tensor(`${node.id}.${name}`, 'activation', elements, 1, dtype),
    )
    this.extras.set(node.id, tensors)
    const writes = [...node.cost.writes, ...extra.map((e) => useOf(e.name, 'output', e.elements, e.dtype))]
    return {...node, cost: {...node.cost, writes}, outputs: [...node.outputs, ...tensors]}
  }

  /** A segment once more: executed, but no useful work. */
  recompute(nodes: readonly Node[]): void {
    this.again = new Map()
    for (const node of nodes) this.onceMore(node)
  }

  private onceMore(node: Node): void {
    const outputs = node.outputs.map((tensor) => {
      const copy = this.builder.tensor(
        `${tensor.name} again`,
        tensor.role,
        tensor.elements,
        tensor.repeat,
        tensor.dtype,
      )
      this.again.set(tensor, copy)
      return copy
    })
    const inputs = node.inputs.map((tensor) => this.latest(tensor))
    const cost = {...node.cost, macs: 0, flops: 0, special: 0}
    const copy = {...node, kind: `${node.kind}-recompute`, formula: '0', cost, inputs, outputs}
    this.builder.nodes.push({
      ...this.withExtras(copy, this.ruleOf(node)),
      id: `${node.id}.recompute`,
      fusedFrom: node.fusedFrom.map((id) => `${id}.recompute`),
    })
  }

  /**
   * A reversible segment from its outputs: of two streams the block before the last sum is computed once more from one and
   * subtracted from the other, which gives the stream before. Layers right below go on with what is restored.
   */
  invert(nodes: readonly Node[], {blocks, streams}: Required<Pick<Segment, 'blocks' | 'streams'>>): void {
    this.again = new Map()
    let [upper, lower] = [streams.at(-1)!, streams.at(-2)!]
    if (this.restored?.of === upper) {
      const {upper: above, lower: below} = this.restored
      this.again.set(upper, above).set(lower, below)
      ;[upper, lower] = [above, below]
    } else this.once.add(upper).add(lower)
    for (let j = blocks.length; j >= 1; j--) {
      const {from, to} = blocks[j - 1]!
      for (const node of nodes.slice(from, to)) this.onceMore(node)
      const sum = nodes[to]!
      const before = streams[j - 2]
      const {elements, dtype} = sum.outputs[0]!
      const name = before ? `${before.name} again` : `${streams[0]!.name} of the other stream`
      const stream = this.builder.tensor(name, 'activation', elements, 1, dtype)
      this.builder.nodes.push({
        ...sum,
        id: `${sum.id}.invert`,
        kind: `${sum.kind}-recompute`,
        formula: '0',
        cost: {...sum.cost, macs: 0, flops: 0, special: 0},
        inputs: sum.inputs.map((tensor) => (tensor === streams[j - 1] ? upper : this.latest(tensor))),
        outputs: [stream],
      })
      if (before) this.again.set(before, stream)
      ;[upper, lower] = [lower, stream]
    }
    this.restored = {of: streams[0]!, upper, lower}
  }

  private latest(tensor: Tensor): Tensor {
    return this.again.get(tensor) ?? tensor
  }

  private arrive(tensor: Tensor, gradient: Tensor, node: Node, at: number): void {
    const arrival = {
      gradient,
      from: at > 0 ? `${node.id}.accumulate-${at}` : `${node.id}.accumulate`,
      repeat: node.repeat,
    }
    const known = this.arriving.get(tensor)
    if (known) known.push(arrival)
    else this.arriving.set(tensor, [arrival])
  }

  /** The gradient of a tensor: what its readers sent, added up as often as the reader that came last runs. */
  private total(tensor: Tensor): Tensor | null {
    const parts = this.arriving.get(tensor)
    if (!parts) return null
    let sum = parts[0]!
    for (const part of parts.slice(1)) {
      const elements = this.options.held(tensor, tensor.elements)
      const next = this.builder.activation(`gradient of ${tensor.name}`, tensor.elements)
      const repeat = Math.min(sum.repeat, part.repeat)
      this.builder.add(add, part.from, {elements}, [sum.gradient, part.gradient], [next], repeat)
      sum = {...part, gradient: next}
    }
    return sum.gradient
  }

  /** The gradient of one operator; the loss starts it. */
  backward(node: Node, isLoss: boolean): void {
    const rule = this.ruleOf(node)
    if (!rule) return
    const arrived = node.outputs.map((tensor) => this.total(tensor))
    if (!isLoss && arrived.every((gradient) => gradient === null)) return
    for (const at of rule.passes ?? [])
      if (this.needs.has(node.inputs[at]!)) this.arrive(node.inputs[at]!, arrived[0]!, node, at)
    if (rule.data?.writes.some(({at}) => this.needs.has(node.inputs[at]!))) this.part(node, rule.data, arrived, 'dgrad')
    if (rule.weights?.writes.some(({at}) => this.needs.has(node.inputs[at]!)))
      this.part(node, rule.weights, arrived, 'wgrad')
  }

  private part(node: Node, part: GradientPart, arrived: readonly (Tensor | null)[], suffix: 'dgrad' | 'wgrad'): void {
    const inputs: Tensor[] = []
    const reads: TensorUse[] = []
    const read = (tensor: Tensor, use: TensorUse) => {
      inputs.push(tensor)
      reads.push(use)
    }
    for (const {of, at, elements} of part.reads) {
      if (of === 'gradient') {
        // an output that is written in pieces has its gradient in pieces
        const split = node.outputs.length !== node.cost.writes.length
        const pieces = split ? arrived.map((_, i) => i) : [at]
        for (const i of pieces) {
          const gradient = arrived[i]
          const size = split ? writtenElements(node, i) : elements
          if (gradient) read(gradient, useOf(gradient.name, 'input', Math.min(size, gradient.elements)))
        }
      } else if (of === 'input') {
        const {role, dtype, name} = node.cost.reads[at]!
        read(this.latest(node.inputs[at]!), useOf(name, role, elements, dtype))
      } else if (of === 'output') {
        read(
          this.latest(node.outputs[at]!),
          useOf(
            node.outputs[at]!.name,
            node.cost.writes[at]!.role === 'index' ? 'index' : 'input',
            elements,
            node.cost.writes[at]!.dtype,
          ),
        )
      } else {
        const extra = this.extras.get(node.id)![at]!
        read(extra, useOf(extra.name, 'input', elements, extra.dtype))
      }
    }
    const outputs: Tensor[] = []
    const writes: TensorUse[] = []
    const twice: [Tensor, Tensor][] = []
    for (const {at, elements} of piecesOf(part.writes, node)) {
      const tensor = node.inputs[at]!
      if (!this.needs.has(tensor)) continue
      const gradient = this.gradientFor(tensor, node, at, twice)
      // a part of the tensor that was not read has a gradient of zeros, which is written too
      const size = tensor.role === 'weight' ? elements : Math.max(elements, this.options.held(tensor, tensor.elements))
      outputs.push(gradient)
      writes.push(useOf(gradient.name, 'output', size, gradient.dtype))
    }
    if (part.workspace) {
      const name = `${node.id} ${suffix} workspace`
      const space = this.builder.activation(name, part.workspace)
      read(space, useOf(name, 'input', part.workspace))
      outputs.push(space)
      writes.push(useOf(name, 'output', part.workspace))
    }
    const {macs, flops, matrix, vector, special, formula, steps} = part
    const counts: OpCost = {macs, flops, matrix, vector, special, reads, writes}
    const cost = steps ? {...counts, steps} : counts
    const {dims, repeat} = node
    this.builder.nodes.push({
      id: `${node.id}.${suffix}`,
      kind: `${node.kind}-${suffix}`,
      trait: node.trait,
      formula,
      dims,
      cost,
      inputs,
      outputs,
      repeat,
      fusedFrom: node.fusedFrom.map((id) => `${id}.${suffix}`).reverse(),
      ...(node.computes ? {computes: node.computes} : {}),
    })
    for (const [weight, gradient] of twice) this.accumulate(weight, node, gradient)
  }

  private gradientFor(tensor: Tensor, node: Node, at: number, twice: [Tensor, Tensor][]): Tensor {
    const name = `gradient of ${tensor.name}`
    if (tensor.role !== 'weight') {
      const gradient = this.builder.activation(name, tensor.elements)
      this.arrive(tensor, gradient, node, at)
      return gradient
    }
    const {elements, repeat} = tensor
    // gradients of weights live from one step to the optimizer's: not among the activations
    const gradient = this.builder.tensor(name, 'constant', elements, repeat, this.options.gradientType)
    if (this.gradients.has(tensor)) twice.push([tensor, gradient])
    else this.gradients.set(tensor, gradient)
    return gradient
  }

  /** A weight that two operators use (a tied table) takes the sum. */
  private accumulate(weight: Tensor, node: Node, second: Tensor): void {
    const first = this.gradients.get(weight)!
    const {elements} = weight
    const uses = (name: string, role: 'input' | 'output') => useOf(name, role, elements, this.options.gradientType)
    const cost = add.cost({elements})
    this.builder.nodes.push({
      id: `${node.id}.wgrad.accumulate`,
      kind: add.kind,
      trait: add.trait,
      formula: add.formula,
      dims: {elements},
      cost: {...cost, reads: [uses('x', 'input'), uses('y', 'input')], writes: [uses('y', 'output')]},
      inputs: [first, second],
      outputs: [first],
      repeat: node.repeat,
      fusedFrom: [],
    })
  }
}

/**
 * Appends the backward pass: operators in reverse order, `<id>.dgrad` for the gradient of the data and `<id>.wgrad` for
 * that of the weights, each where something that trains needs it; gradients that meet are added.
 * @param forward with its loss as the last operator
 * @throws AnalysisError `bad-phase` where an operator has no rule
 */
export function differentiate(forward: Graph, options: DifferentiateOptions): Differentiated {
  const {nodes} = forward
  const builder = continueFrom(forward)
  const pass = new Differentiation(builder, reached(nodes.slice(options.apart), options.trains), options)
  nodes.forEach((node, i) => {
    pass.forward(
      node,
      options.segments.some(({from, to}) => from <= i && i <= to),
    )
  })
  const count = builder.nodes.length
  for (let i = nodes.length - 1; i >= 0; i--) {
    const segment = options.segments.find(({to}) => to === i)
    if (segment?.blocks && segment.streams) pass.invert(nodes, {blocks: segment.blocks, streams: segment.streams})
    else if (segment) pass.recompute(nodes.slice(segment.from, segment.to + 1))
    pass.backward(nodes[i]!, i === nodes.length - 1)
  }
  return {graph: builder.graph(), forward: count, gradients: pass.gradients, once: pass.once}
}
