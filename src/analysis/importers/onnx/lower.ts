/** An ONNX graph → operators with exact dims: shapes are inferred, shape arithmetic is evaluated, branches and calls are entered. */
import type {OperatorSpec, OperatorsSpec, TensorSpec} from '../../architectures/operators.ts'
import type {DType} from '../../dtype.ts'
import {quoted, type Warning} from '../../errors.ts'
import type {TensorRole} from '../../graph.ts'
import type {OpKind} from '../../ops/index.ts'
import type {Dims} from '../../ops/types.ts'
import {badFile} from '../source.ts'
import {Call, type Surroundings} from './call.ts'
import type {SuppliedCost, SuppliedCosts} from './costs.ts'
import {handlers} from './handlers/index.ts'
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
import {Mistake, type Origin, product, type Storage, Unshaped, type Value} from './values.ts'

/** Functions and loops may call one another this deep: deeper is a cycle. */
const MAX_CALLS = 32
/** Operators entered in all: two functions that call each other twice grow as 2^depth. */
const MAX_ENTERED = 200_000

/** Types by ONNX number; `null` for the model's own float type is decided later. */
const dtypeOfElement: Readonly<Record<number, DType>> = {
  1: 'f32',
  2: 'int8',
  3: 'int8',
  4: 'f16',
  5: 'f16',
  6: 'f32',
  7: 'i64',
  9: 'int8',
  10: 'f16',
  11: 'f64',
  12: 'f32',
  13: 'i64',
  16: 'bf16',
  17: 'fp8',
  18: 'fp8',
  19: 'fp8',
  20: 'fp8',
  21: 'int4',
  22: 'int4',
  23: 'int4',
}

/** The type as far as it matters here: its width, and what computes in it. */
export const dtypeOf = (type: number): DType | undefined => dtypeOfElement[type]

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
  private readonly operators: OperatorSpec[] = []
  private readonly tensors: TensorSpec[] = []
  /** memory behind each of `tensors` */
  private readonly storages: Storage[] = []
  private readonly unknown = new Map<string, number>()
  private readonly warnings = new Map<string, Warning>()
  private readonly functions = new Map<string, OnnxFunction>()
  private readonly ids = new Map<string, number>()
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

  /**
   * Role and type of memory in the model: what `--dtype` governs has no type of its own. What is read before any
   * operator has written it comes from outside: an input, or the result of an operator that is not known.
   */
  private tensorOf(value: Value, written: boolean): number {
    const {storage} = value
    if (storage.index >= 0) return storage.index
    const {type, origin} = storage
    const integer = type === 6 || type === 7 || type === 12 || type === 13
    const role: TensorRole =
      origin === 'file' && !integer && storage.elements > 1
        ? 'weight'
        : integer
          ? 'index'
          : written
            ? 'activation'
            : 'constant'
    const dtype = dtypeOf(type)
    const own = type === this.main || dtype === undefined || (role === 'index' && dtype === 'i64') ? undefined : dtype
    storage.index = this.tensors.length
    this.storages.push(storage)
    this.tensors.push({name: storage.name, role, elements: storage.elements, ...(own ? {dtype: own} : {})})
    return storage.index
  }

  private idOf(node: OnnxNode, suffix: string, label: string): string {
    // names of modules are paths of slashes in exports of PyTorch
    const plain = (node.name || node.outputs[0] || node.op).replace(/^\/+/, '').replaceAll('/', '.')
    const base = (label ? `${label}.` : '') + plain + (suffix ? `.${suffix}` : '')
    const id = base.length > 120 ? `${base.slice(0, 59)}…${base.slice(-60)}` : base
    const seen = this.ids.get(id) ?? 0
    this.ids.set(id, seen + 1)
    if (seen === 0) return id
    const numbered = `${id}#${seen + 1}`
    this.ids.set(numbered, 1)
    return numbered
  }

  private surroundings(frame: Frame): Surroundings {
    return {
      opset: frame.opset,
      rebatch: this.rebatch,
      tensorValue: (tensor) => this.constant(tensor),
      fresh: (name, type, shape, data, origin) => this.fresh(name, type, shape, data, origin),
      emit: (node, suffix, kind, dims, inputs, outputs, integer) =>
        this.emit(frame, node, suffix, kind, dims, inputs, outputs, integer),
      subgraph: (graph, inputs, repeat, label) =>
        this.graph(graph, inputs, {
          ...frame,
          depth: frame.depth + 1,
          repeat: frame.repeat * repeat,
          label: frame.label ? `${frame.label}.${label}` : label,
        }),
      attempt: (graph, inputs) => this.attempt(graph, inputs, frame),
      warn: (code, message) => {
        this.warnings.set(message, {code, message: `${this.origin}: ${message}`})
      },
    }
  }

  /** Work of a subgraph (FLOP-weighted order is enough: its bytes), leaving no trace. */
  private attempt(graph: OnnxGraph, inputs: readonly Value[], frame: Frame): number {
    const [operators, tensors] = [this.operators.length, this.tensors.length]
    const [unknown, warnings, ids] = [new Map(this.unknown), new Map(this.warnings), new Map(this.ids)]
    this.graph(graph, inputs, {...frame, depth: frame.depth + 1})
    let size = 0
    for (const {dims} of this.operators.slice(operators))
      size += Object.values(dims).reduce<number>((n, dim) => n + Number(dim), 0)
    this.operators.length = operators
    this.tensors.length = tensors
    for (const storage of this.storages.splice(tensors)) storage.index = -1
    restore(this.unknown, unknown)
    restore(this.warnings, warnings)
    restore(this.ids, ids)
    return size
  }

  private emit(
    frame: Frame,
    node: OnnxNode,
    suffix: string,
    kind: OpKind,
    dims: Dims,
    inputs: readonly Value[],
    outputs: readonly Value[],
    integer: boolean,
  ): void {
    // a part of a table (the positions of a shorter sequence) is read as a part of it
    const reads = inputs.map((value) => product(value.shape ?? []))
    const parts = inputs.some(({storage}, i) => reads[i]! < storage.elements)
    this.operators.push({
      id: this.idOf(node, suffix, frame.label),
      kind,
      dims,
      inputs: inputs.map((value) => this.tensorOf(value, false)),
      outputs: outputs.map((value) => this.tensorOf(value, true)),
      ...(parts ? {reads} : {}),
      ...(frame.repeat === 1 ? {} : {repeat: frame.repeat}),
      ...(integer ? {computes: 'int8' as const} : {}),
    })
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
      this.count(quoted(name).slice(1, -1), frame.repeat)
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
    const emitted = this.operators.length
    try {
      return handlers[name]!(new Call(node, inputs, attributes, this.surroundings(frame), origin))
    } catch (error) {
      if (error instanceof Mistake) this.fail(node, error.message)
      if (!(error instanceof Unshaped)) throw error
      // its sizes depend on data, or on an operator that is not known
      this.operators.length = emitted
      if (origin === 'run') this.count(`${name} of unknown shape`, frame.repeat)
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
      this.count(`${quoted(node.op).slice(1, -1)} of unknown shape`, frame.repeat)
      return []
    }
    const elements = elementsOf(shape, this.origin, node.outputs[0] ?? '')
    const type = declared?.type || given[0]?.type || 1
    const read = given.reduce((sum, value) => sum + product(value.shape!), 0)
    const result = this.fresh(node.outputs[0] ?? '', type, shape, null, 'run')
    if (elements === 0) return [result]
    if (cost.macs === 0) {
      const dims = {elements, read, operations: cost.flops, special: 0, linear: false}
      this.emit(frame, node, '', 'pointwise', dims, given, [result], false)
      return [result]
    }
    const sums = cost.flops > 0 ? this.fresh('sums', type, shape, null, 'run') : result
    const x = given[0] ? product(given[0].shape!) : 0
    this.emit(frame, node, '', 'einsum', {x, y: read - x, out: elements, inner: cost.macs}, given, [sums], false)
    const rest = {elements, read: elements, operations: cost.flops, special: 0, linear: false}
    if (cost.flops > 0) this.emit(frame, node, 'rest', 'pointwise', rest, [sums], [result], false)
    return [result]
  }

  private count(op: string, repeat: number): void {
    this.unknown.set(op, (this.unknown.get(op) ?? 0) + repeat)
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
      badFile(this.origin, `functions are more than ${MAX_CALLS} deep: ${quoted(called.name)} calls itself`)
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
    const unknown = [...this.unknown].map(([op, count]) => ({op, count}))
    return {
      spec: {batch, operators: this.operators, tensors: this.tensors, unknown},
      warnings: [...this.warnings.values()],
    }
  }

  /** An input of the model. */
  input(name: string, type: number, shape: readonly number[]): Value {
    elementsOf(shape, this.origin, name)
    return this.fresh(name, type, shape, null, 'run')
  }
}

function restore<K, V>(map: Map<K, V>, before: ReadonlyMap<K, V>): void {
  map.clear()
  for (const [key, value] of before) map.set(key, value)
}

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
function originOf(inputs: readonly (Value | null)[], node: OnnxNode): Origin {
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

/** The float type that most elements of the weights have; f32 where there are none. */
function mainType(graph: OnnxGraph): number {
  const elements = new Map<number, number>()
  for (const {type, shape} of graph.initializers) {
    if (type === 1 || type === 10 || type === 11 || type === 16)
      elements.set(type, (elements.get(type) ?? 0) + product(shape))
  }
  let main = 0
  for (const [type, count] of elements) if (main === 0 || count > elements.get(main)!) main = type
  return main || graph.inputs.find(({type}) => type === 10 || type === 16 || type === 11)?.type || 1
}
