/** What an ONNX graph becomes: operators, the memory they touch, what is not known, what a reader is told. */
import type {OperatorSpec, TensorSpec} from '../../architectures/operators.ts'
import {shown, type Warning} from '../../errors.ts'
import type {TensorRole} from '../../graph.ts'
import type {OpKind} from '../../ops/index.ts'
import type {Dims} from '../../ops/types.ts'
import type {EmitOptions} from './call.ts'
import {dtypeOf} from './element-types.ts'
import type {OnnxNode} from './types.ts'
import {product, type Storage, type Value} from './values.ts'

/** Where an operator stands: names of the graphs and functions around it, and how often they run. */
export interface Place {
  readonly label: string
  readonly repeat: number
}

export class Emitter {
  readonly operators: OperatorSpec[] = []
  readonly tensors: TensorSpec[] = []
  /** memory behind each of `tensors` */
  private readonly storages: Storage[] = []
  private readonly unknownCounts = new Map<string, number>()
  private readonly warned = new Map<string, Warning>()
  private readonly ids = new Map<string, number>()
  private readonly main: number

  /** @param main the element type that `--dtype` replaces */
  constructor(main: number) {
    this.main = main
  }

  get unknown(): readonly {readonly op: string; readonly count: number}[] {
    return [...this.unknownCounts].map(([op, count]) => ({op, count}))
  }

  get warnings(): readonly Warning[] {
    return [...this.warned.values()]
  }

  /** Says something once. */
  warn(code: string, message: string, origin: string): void {
    this.warned.set(message, {code, message: `${origin}: ${message}`})
  }

  /** Counts an operator whose cost is not known. */
  count(op: string, repeat: number): void {
    this.unknownCounts.set(op, (this.unknownCounts.get(op) ?? 0) + repeat)
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
    const base = shown((label ? `${label}.` : '') + plain + (suffix ? `.${suffix}` : ''))
    const id = base.length > 120 ? `${base.slice(0, 59)}…${base.slice(-60)}` : base
    const seen = this.ids.get(id) ?? 0
    this.ids.set(id, seen + 1)
    if (seen === 0) return id
    const numbered = `${id}#${seen + 1}`
    this.ids.set(numbered, 1)
    return numbered
  }

  emit(
    place: Place,
    node: OnnxNode,
    kind: OpKind,
    dims: Dims,
    inputs: readonly Value[],
    outputs: readonly Value[],
    {suffix = '', integer = false, beside = 0}: EmitOptions = {},
  ): void {
    // a part of a table (the positions of a shorter sequence) is read as a part of it
    const reads = inputs.map((value) => product(value.shape ?? []))
    const parts = inputs.some(({storage}, i) => reads[i]! < storage.elements)
    this.operators.push({
      id: this.idOf(node, suffix, place.label),
      kind,
      dims,
      inputs: inputs.map((value) => this.tensorOf(value, false)),
      outputs: outputs.map((value) => this.tensorOf(value, true)),
      ...(parts ? {reads} : {}),
      ...(place.repeat === 1 ? {} : {repeat: place.repeat}),
      ...(integer ? {computes: 'int8' as const} : {}),
      ...(beside > 0 ? {beside} : {}),
    })
  }

  /** Takes back what was emitted behind the first `length` operators; their memory stays known. */
  dropAfter(length: number): void {
    this.operators.length = length
  }

  /** Size of what `run` emits (the sum of its dims is enough for an order), leaving no trace. */
  attempt(run: () => void): number {
    const [operators, tensors] = [this.operators.length, this.tensors.length]
    const [unknown, warnings, ids] = [new Map(this.unknownCounts), new Map(this.warned), new Map(this.ids)]
    run()
    let size = 0
    for (const {dims} of this.operators.slice(operators))
      size += Object.values(dims).reduce<number>((n, dim) => n + Number(dim), 0)
    this.operators.length = operators
    this.tensors.length = tensors
    for (const storage of this.storages.splice(tensors)) storage.index = -1
    restore(this.unknownCounts, unknown)
    restore(this.warned, warnings)
    restore(this.ids, ids)
    return size
  }
}

function restore<K, V>(map: Map<K, V>, before: ReadonlyMap<K, V>): void {
  map.clear()
  for (const [key, value] of before) map.set(key, value)
}
