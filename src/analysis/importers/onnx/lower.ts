/** An ONNX graph → operators with exact dims: shapes are inferred, shape arithmetic is evaluated, branches and calls are entered. */
import type {OperatorsSpec} from '../../architectures/operators.ts'
import {quoted, type Warning} from '../../errors.ts'
import {badFile} from '../source.ts'
import {Call, type Surroundings} from './call.ts'
import type {SuppliedCost, SuppliedCosts} from './costs.ts'
import {mainType} from './element-types.ts'
import {Emitter} from './emitter.ts'
import {handlers} from './handlers/index.ts'
import {originOf} from './origin.ts'
import {elementsOf} from './tensor.ts'
import type {
  DeclaredDim,
  OnnxAttribute,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from './types.ts'
import {Mistake, type Origin, product, Unshaped, type Value} from './values.ts'

/** Functions and loops may call one another this deep: deeper is a cycle. */
const MAX_CALLS = 32
/** Operators entered in all: two functions that call each other twice grow as 2^depth. */
const MAX_ENTERED = 200_000

/** Names that are visible inside a graph: its own, then those of the graphs around it. */
class Scope {
  private readonly own = new Map<string, Value>()
  private readonly outer: Scope | null

  constructor(outer: Scope | null) {
    this.outer = outer
  }

  get(name: string): Value | undefined {
    return this.own.get(name) ?? this.outer?.get(name)
  }

  set(name: string, value: Value): void {
    if (name !== '') this.own.set(name, value)
  }
}

/** What running one list of nodes needs besides the names. */
interface Frame {
  readonly scope: Scope
  readonly declared: ReadonlyMap<string, OnnxValue>
  /** attributes of the call of a function */
  readonly given: ReadonlyMap<string, OnnxAttribute> | null
  readonly depth: number
  readonly repeat: number
  readonly opset: number
  readonly label: string
}

export interface Lowered {
  readonly spec: OperatorsSpec
  readonly warnings: readonly Warning[]
}

export class Lowering {
  private readonly origin: string
  private readonly model: OnnxModel
  private readonly dims: ReadonlyMap<string, number>
  private readonly costs: SuppliedCosts
  private readonly emitter: Emitter
  private readonly functions = new Map<string, OnnxFunction>()
  /** operators inside a branch that is only measured are thrown away */
  private entered = 0
  private rebatch: Surroundings['rebatch'] = null
  /** the float type of most weights: what `--dtype` replaces */
  readonly main: number

  constructor(model: OnnxModel, origin: string, dims: ReadonlyMap<string, number>, costs: SuppliedCosts = {}) {
    this.costs = costs
    this.model = model
    this.origin = origin
    this.dims = dims
    for (const one of model.functions) this.functions.set(`${one.domain} ${one.name} ${one.overload}`, one)
    this.main = mainType(model.graph)
    this.emitter = new Emitter(this.main)
  }

  private fail(node: OnnxNode, problem: string): never {
    const name = node.name || node.outputs[0] || ''
    badFile(this.origin, `operator ${quoted(name)} (${quoted(node.op).slice(1, -1)}): ${problem}`)
  }

  private fresh(
    name: string,
    type: number,
    shape: readonly number[] | null,
    data: readonly number[] | null,
    origin: Origin,
  ): Value {
    const storage = {name, type, elements: shape ? product(shape) : 0, origin, index: -1}
    return {type, shape, data, origin, storage}
  }

  /** A declared size: a number, or a name that `--dim` gives. */
  private sized(dim: DeclaredDim): number | null {
    if (typeof dim === 'string') return this.dims.get(dim) ?? null
    return dim !== null && Number.isSafeInteger(dim) && dim >= 0 ? dim : null
  }

  private declaredShape(value: OnnxValue | undefined): number[] | null {
    if (!value?.shape) return null
    const sizes = value.shape.map((dim) => this.sized(dim))
    return sizes.every((size) => size !== null) ? (sizes as number[]) : null
  }

  private surroundings(frame: Frame): Surroundings {
    return {
      opset: frame.opset,
      rebatch: this.rebatch,
      tensorValue: (tensor) => this.constant(tensor),
      fresh: (name, type, shape, data, origin) => this.fresh(name, type, shape, data, origin),
      emit: (node, kind, dims, inputs, outputs, options) =>
        this.emitter.emit(frame, node, kind, dims, inputs, outputs, options),
      subgraph: (graph, inputs, repeat, label) =>
        this.graph(graph, inputs, {
          ...frame,
          depth: frame.depth + 1,
          repeat: frame.repeat * repeat,
          label: frame.label ? `${frame.label}.${label}` : label,
        }),
      attempt: (graph, inputs) =>
        this.emitter.attempt(() => this.graph(graph, inputs, {...frame, depth: frame.depth + 1})),
      warn: (code, message) => {
        this.emitter.warn(code, message, this.origin)
      },
    }
  }

  private constant(tensor: OnnxTensor): Value {
    return this.fresh(tensor.name, tensor.type, tensor.shape, tensor.values, 'file')
  }

  /** Runs a graph: values for its inputs in order, values of its outputs back. */
  private graph(graph: OnnxGraph, inputs: readonly Value[], frame: Frame): readonly Value[] {
    if (frame.depth > MAX_CALLS)
      badFile(this.origin, `graphs and functions are more than ${MAX_CALLS} deep: do they call themselves?`)
    const scope = new Scope(frame.scope)
    const declared = new Map([...graph.values, ...graph.outputs].map((value) => [value.name, value]))
    for (const tensor of graph.initializers) scope.set(tensor.name, this.constant(tensor))
    graph.inputs.forEach((input, i) => {
      if (inputs[i]) scope.set(input.name, inputs[i])
    })
    const inner = {...frame, scope, declared}
    for (const node of graph.nodes) this.node(node, inner)
    return graph.outputs.map(
      (output) => scope.get(output.name) ?? this.fresh(output.name, output.type, null, null, 'run'),
    )
  }

  /** Attributes of a node; inside a function those that refer to the call's. */
  private attributesOf(node: OnnxNode, frame: Frame): Map<string, OnnxAttribute> {
    const found = new Map<string, OnnxAttribute>()
    for (const attribute of node.attributes) {
      if (attribute.reference === null || attribute.reference === '') found.set(attribute.name, attribute)
      else {
        const given = frame.given?.get(attribute.reference)
        if (given) found.set(attribute.name, {...given, name: attribute.name})
      }
    }
    return found
  }

  private node(node: OnnxNode, frame: Frame): void {
    if (++this.entered > MAX_ENTERED)
      badFile(this.origin, `runs more than ${MAX_ENTERED} operators: do functions call one another?`)
    const inputs = node.inputs.map((name) => {
      if (name === '') return null
      return frame.scope.get(name) ?? this.fail(node, `reads ${quoted(name)}, which nothing before it writes`)
    })
    const attributes = this.attributesOf(node, frame)
    const called = this.functions.get(`${node.domain} ${node.op} ${node.overload}`)
    const origin = originOf(inputs, node)
    const name = node.domain === '' ? node.op : `${node.domain}.${node.op}`
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
    let outputs: readonly Value[] = []
    if (called && !handler) outputs = this.call(called, node, inputs, attributes, frame)
    else if (!handler && Object.hasOwn(this.costs, name))
      outputs = this.supplied(node, inputs, frame, this.costs[name]!)
    else if (!handler) {
      this.emitter.count(quoted(name).slice(1, -1), frame.repeat)
      if (node.op.length === 0) this.fail(node, 'has no type')
    } else outputs = this.handled(node, inputs, attributes, frame, origin, name)
    node.outputs.forEach((output, i) => {
      if (output !== '') frame.scope.set(output, this.settled(outputs[i], output, frame, inputs))
    })
  }

  private handled(
    node: OnnxNode,
    inputs: readonly (Value | null)[],
    attributes: ReadonlyMap<string, OnnxAttribute>,
    frame: Frame,
    origin: Origin,
    name: string,
  ): readonly Value[] {
    const emitted = this.emitter.operators.length
    try {
      return handlers[name]!(new Call(node, inputs, attributes, this.surroundings(frame), origin))
    } catch (error) {
      if (error instanceof Mistake) this.fail(node, error.message)
      if (!(error instanceof Unshaped)) throw error
      // its sizes depend on data, or on an operator that is not known
      this.emitter.dropAfter(emitted)
      if (origin === 'run') this.emitter.count(`${name} of unknown shape`, frame.repeat)
      return []
    }
  }

  /** An operator of the cost that the caller supplies; its result has the declared shape, else that of its first input. */
  private supplied(
    node: OnnxNode,
    inputs: readonly (Value | null)[],
    frame: Frame,
    cost: SuppliedCost,
  ): readonly Value[] {
    const given = inputs.filter((value) => value !== null)
    const declared = frame.declared.get(node.outputs[0] ?? '')
    const shape = this.declaredShape(declared) ?? given[0]?.shape
    if (!shape || given.some((value) => !value.shape)) {
      this.emitter.count(`${quoted(node.op).slice(1, -1)} of unknown shape`, frame.repeat)
      return []
    }
    const elements = elementsOf(shape, this.origin, node.outputs[0] ?? '')
    const type = declared?.type || given[0]?.type || 1
    const read = given.reduce((sum, value) => sum + product(value.shape!), 0)
    const result = this.fresh(node.outputs[0] ?? '', type, shape, null, 'run')
    if (elements === 0) return [result]
    if (cost.macs === 0) {
      const dims = {elements, read, operations: cost.flops, special: 0, linear: false}
      this.emitter.emit(frame, node, 'pointwise', dims, given, [result])
      return [result]
    }
    const sums = cost.flops > 0 ? this.fresh('sums', type, shape, null, 'run') : result
    const x = given[0] ? product(given[0].shape!) : 0
    this.emitter.emit(frame, node, 'einsum', {x, y: read - x, out: elements, inner: cost.macs}, given, [sums])
    const rest = {elements, read: elements, operations: cost.flops, special: 0, linear: false}
    if (cost.flops > 0) this.emitter.emit(frame, node, 'pointwise', rest, [sums], [result], {suffix: 'rest'})
    return [result]
  }

  /** A result; where its shape could not be inferred, the shape that the file declares. */
  private settled(value: Value | undefined, name: string, frame: Frame, inputs: readonly (Value | null)[]): Value {
    if (value?.shape) return value
    const declared = frame.declared.get(name)
    const shape = this.declaredShape(declared)
    const type = value?.type || declared?.type || (inputs[0]?.type ?? 1)
    if (!shape) return value ?? this.fresh(name, type, null, null, 'run')
    elementsOf(shape, this.origin, name)
    return this.fresh(name, type, shape, null, 'run')
  }

  /** A local function: its body with the call's inputs and attributes. */
  private call(
    called: OnnxFunction,
    node: OnnxNode,
    inputs: readonly (Value | null)[],
    attributes: ReadonlyMap<string, OnnxAttribute>,
    frame: Frame,
  ): readonly Value[] {
    if (frame.depth > MAX_CALLS)
      badFile(this.origin, `functions call one another more than ${MAX_CALLS} deep, down to ${quoted(called.name)}`)
    // a function sees its own names alone
    const scope = new Scope(null)
    called.inputs.forEach((name, i) => {
      if (inputs[i]) scope.set(name, inputs[i])
    })
    const given = new Map(called.attributes.map((attribute) => [attribute.name, attribute]))
    for (const [name, attribute] of attributes) given.set(name, attribute)
    const plain = (node.name || node.op).replace(/^\/+/, '').replaceAll('/', '.')
    const inner: Frame = {
      scope,
      declared: new Map(),
      given,
      depth: frame.depth + 1,
      repeat: frame.repeat,
      opset: called.opset ?? frame.opset,
      label: (frame.label ? `${frame.label}.${plain}` : plain).slice(-200),
    }
    for (const one of called.nodes) {
      // what an absent optional input would have given is absent too
      const missing = one.inputs.some((name) => name !== '' && !scope.get(name) && called.inputs.includes(name))
      this.node(
        missing
          ? {
              ...one,
              inputs: one.inputs.map((name) =>
                name !== '' && !scope.get(name) && called.inputs.includes(name) ? '' : name,
              ),
            }
          : one,
        inner,
      )
    }
    return called.outputs.map((name) => scope.get(name) ?? this.fresh(name, 1, null, null, 'run'))
  }

  /**
   * Runs the whole model with its inputs at the sizes given.
   * @param rebatch the file's batch where another takes its place: the shapes it declares are of no use then
   */
  run(inputs: ReadonlyMap<string, Value>, batch: number, rebatch: Surroundings['rebatch'] = null): Lowered {
    this.rebatch = rebatch
    const {graph} = this.model
    const outer = new Scope(null)
    const frame: Frame = {
      scope: outer,
      declared: new Map(),
      given: null,
      depth: 0,
      repeat: 1,
      opset: this.model.opset,
      label: '',
    }
    const initialized = new Set(graph.initializers.map((tensor) => tensor.name))
    for (const [name, value] of inputs) if (!initialized.has(name)) outer.set(name, value)
    this.graph(
      rebatch ? {...graph, values: [], outputs: graph.outputs.map((one) => ({...one, shape: null}))} : graph,
      [],
      frame,
    )
    const {operators, tensors, unknown, warnings} = this.emitter
    return {spec: {batch, operators, tensors, unknown}, warnings}
  }

  /** An input of the model. */
  input(name: string, type: number, shape: readonly number[]): Value {
    elementsOf(shape, this.origin, name)
    return this.fresh(name, type, shape, null, 'run')
  }
}
