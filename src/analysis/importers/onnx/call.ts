/** One operator of the file with its inputs: what a handler sees. */
import type {OpKind, ops} from '../../ops/index.ts'
import type {Dims} from '../../ops/types.ts'
import {SMALL} from './tensor.ts'
import type {OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor} from './types.ts'
import {axisOf, Mistake, type Origin, product, Unshaped, type Value} from './values.ts'

/** The sizes that an operator of the registry takes. */
type DimsOf<K extends OpKind> = Parameters<(typeof ops)[K]['cost']>[0]

/** What an operator has besides its kind and sizes. */
export interface EmitOptions {
  /** behind the name of the node, where it becomes several operators */
  readonly suffix?: string
  /** its arithmetic runs on 8-bit integers */
  readonly integer?: boolean
  /** FLOPs of steps that are part of it: scaling narrow weights, rounding results */
  readonly beside?: number
}

/** What a handler may ask of the model around it. */
export interface Surroundings {
  readonly opset: number
  /** the batch of the file and the one asked for in its place */
  readonly rebatch: {readonly from: number; readonly to: number} | null
  /** the value of a tensor in an attribute */
  tensorValue(tensor: OnnxTensor): Value
  fresh(
    name: string,
    type: number,
    shape: readonly number[] | null,
    data: readonly number[] | null,
    origin: Origin,
  ): Value
  emit(
    node: OnnxNode,
    kind: OpKind,
    dims: Dims,
    inputs: readonly Value[],
    outputs: readonly Value[],
    options: EmitOptions,
  ): void
  /** runs a subgraph `repeat` times, with values for its inputs */
  subgraph(graph: OnnxGraph, inputs: readonly Value[], repeat: number, label: string): readonly Value[]
  /** cost of a subgraph that is tried and thrown away */
  attempt(graph: OnnxGraph, inputs: readonly Value[]): number
  warn(code: string, message: string): void
}

/** Sums, means and selections, by element or over axes. */
const linearOperators: ReadonlySet<string> = new Set(
  'Add Sub Sum Mean Neg Where CumSum ReduceSum ReduceMean GlobalAveragePool Einsum'.split(' '),
)

export class Call {
  readonly node: OnnxNode
  readonly inputs: readonly (Value | null)[]
  readonly around: Surroundings
  private readonly attributes: ReadonlyMap<string, OnnxAttribute>
  /** what comes from file and sizes alone is computed once when a model is loaded: it costs nothing in a run */
  readonly origin: Origin

  constructor(
    node: OnnxNode,
    inputs: readonly (Value | null)[],
    attributes: ReadonlyMap<string, OnnxAttribute>,
    around: Surroundings,
    origin: Origin,
  ) {
    this.node = node
    this.inputs = inputs
    this.attributes = attributes
    this.around = around
    this.origin = origin
  }

  get opset(): number {
    return this.around.opset
  }

  /** An input that must be there. */
  value(i: number): Value {
    const value = this.inputs[i]
    if (!value) throw new Mistake(`input ${i + 1} is missing`)
    return value
  }

  /** The shape of an input. @throws Unshaped where it depends on data */
  shape(i: number): readonly number[] {
    const {shape} = this.value(i)
    if (!shape) throw new Unshaped()
    return shape
  }

  elements(i: number): number {
    return product(this.shape(i))
  }

  /** Numbers of an input that must be known. @throws Unshaped where they depend on data */
  data(i: number): readonly number[] {
    const {data} = this.value(i)
    if (!data) throw new Unshaped()
    return data
  }

  has(i: number): boolean {
    return this.inputs[i] !== null && this.inputs[i] !== undefined
  }

  int(name: string, standard: number): number {
    return this.attributes.get(name)?.int ?? standard
  }

  float(name: string, standard: number): number {
    return this.attributes.get(name)?.float ?? standard
  }

  text(name: string, standard: string): string {
    return this.attributes.get(name)?.text ?? standard
  }

  ints(name: string): readonly number[] | null {
    const found = this.attributes.get(name)
    return found ? found.ints : null
  }

  attribute(name: string): OnnxAttribute | undefined {
    return this.attributes.get(name)
  }

  /** A list that later versions take as input `i` and earlier ones as an attribute. `null` where neither is given. */
  list(name: string, i: number): readonly number[] | null {
    return this.has(i) ? this.data(i) : this.ints(name)
  }

  axis(name: string, standard: number, rank: number): number {
    return axisOf(this.int(name, standard), rank)
  }

  /** A result of its own memory. */
  make(shape: readonly number[] | null, type: number, data: readonly number[] | null = null, output = 0): Value {
    for (const size of shape ?? []) {
      if (!Number.isSafeInteger(size) || size < 0) throw new Mistake(`a result has a size of ${size}`)
    }
    if (shape && !Number.isSafeInteger(product(shape)))
      throw new Mistake(`a result of [${shape}] is too large to count`)
    const kept = data && data.length <= SMALL ? data : null
    return this.around.fresh(this.node.outputs[output] ?? '', type, shape, kept, this.origin)
  }

  /** A result that is the input under another shape: nothing moves. */
  view(from: Value, shape: readonly number[] | null, data: readonly number[] | null = from.data): Value {
    return {...from, shape, data}
  }

  /** Adds an operator, unless it runs at load time or on integers that are shapes. */
  emit<K extends OpKind>(
    kind: K,
    dims: DimsOf<K>,
    inputs: readonly Value[],
    outputs: readonly Value[],
    suffix = '',
    options: EmitOptions = {},
  ): void {
    if (this.origin !== 'run') return
    this.around.emit(this.node, kind, dims, inputs, outputs, {...options, suffix})
  }

  /** A copy of some elements of `from`; nothing for what is known. */
  moved(inputs: readonly Value[], output: Value, read?: number): Value {
    const written = product(output.shape ?? [0])
    if (written > 0 && output.shape) {
      const all = inputs.reduce((sum, value) => sum + product(value.shape ?? [0]), 0)
      this.emit('move', {read: read ?? all, written}, inputs, [output])
    }
    return output
  }

  /** Whether it adds, averages or selects: its gradient needs none of its inputs. */
  get linear(): boolean {
    return linearOperators.has(this.node.op)
  }

  /** Elementwise work on inputs that are broadcast to the output. */
  pointwise(inputs: readonly Value[], output: Value, operations: number, special = 0, suffix = ''): Value {
    if (!output.shape) return output
    const elements = product(output.shape)
    if (elements === 0) return output
    const read = inputs.reduce((sum, value) => sum + product(value.shape ?? [0]), 0)
    const linear = this.linear || suffix === 'add' || suffix === 'bias'
    this.emit('pointwise', {elements, read, operations, special, linear}, inputs, [output], suffix)
    return output
  }
}

export type Handler = (call: Call) => readonly Value[]
export type Handlers = Readonly<Record<string, Handler>>
