/** Graph + machine → placed operators and totals. The inner loop of everything: no strings are built here. */
import {bytesOf, type ComputeDType, type DType} from './dtype.ts'
import {AnalysisError} from './errors.ts'
import type {Graph, Node} from './graph.ts'
import type {Dims, Role} from './ops/types.ts'
import type {Roof} from './roofline.ts'
import type {Bytes, Flops, FlopsPerByte, Seconds} from './units.ts'
import {type DTypes, productType, type Workload} from './workload.ts'

export interface PlacedUse {
  readonly name: string
  readonly role: Role
  readonly dtype: DType
  readonly elements: number
  readonly bytes: Bytes
}

export interface Time {
  /** max of the terms per operator: nothing can be faster under these ceilings */
  lower: Seconds
  /** our expectation; `null` until a calibrated, validated model exists */
  predicted: Seconds | null
  /** sum of the terms: nothing overlaps */
  upper: Seconds
  /** why `predicted` is null */
  reason: string
}

/** One operator under the roof. Numbers are for one instance. */
export interface PlacedOperator {
  readonly id: string
  readonly kind: string
  readonly repeat: number
  readonly shape: Dims
  readonly formula: string
  readonly macs: number
  readonly flops: Flops
  readonly executedFlops: Flops
  readonly special: number
  readonly reads: readonly PlacedUse[]
  readonly writes: readonly PlacedUse[]
  readonly bytes: Readonly<Record<string, Bytes>>
  /** FLOP per byte at the outermost level; `null` where no byte moves */
  readonly intensity: FlopsPerByte | null
  /** id of the binding ceiling, or `latency`; `null` where there is nothing to do */
  readonly bound: string | null
  /** the type the arithmetic runs in */
  readonly computes: ComputeDType
  readonly time: Time
  /** of the total time, all instances */
  share: number
  readonly fusedFrom: readonly string[]
}

export interface Memory {
  readonly weights: Bytes
  /** at their peak over the pass */
  readonly activations: Bytes
  readonly kvCache: Bytes
  readonly gradients: Bytes
  readonly optimizer: Bytes
  readonly peak: Bytes
}

export interface Evaluation {
  readonly operators: readonly PlacedOperator[]
  readonly macs: number
  readonly flops: Flops
  readonly executedFlops: Flops
  readonly special: number
  readonly bytes: Readonly<Record<string, Bytes>>
  readonly intensity: FlopsPerByte | null
  /** the ceiling that binds for most of the time */
  readonly bound: string | null
  readonly time: Time
  readonly memory: Memory
}

const UNCALIBRATED = 'uncalibrated'

function roleType(role: Role, dtype: DTypes): DType {
  if (role === 'weight') return dtype.weights
  if (role === 'kv') return dtype.kv
  return role === 'index' ? 'i64' : dtype.activations
}

/** The type a matrix product runs in follows from its operands: weights, cache, activations. */
function computeType(node: Node, dtype: DTypes): ComputeDType {
  if (node.cost.matrix === 0) return dtype.activations
  let type = dtype.activations
  for (const use of node.cost.reads) {
    if (use.role === 'weight') type = productType(dtype.weights, type)
    else if (use.role === 'kv') type = productType(dtype.kv, type)
  }
  return type
}

function place(node: Node, roof: Roof, dtype: DTypes): PlacedOperator {
  const {cost} = node
  let total = 0
  const reads: PlacedUse[] = []
  for (const use of cost.reads) {
    const type = roleType(use.role, dtype)
    const bytes = bytesOf(use.elements, type)
    total += bytes
    reads.push({name: use.name, role: use.role, dtype: type, elements: use.elements, bytes})
  }
  const writes: PlacedUse[] = []
  for (const use of cost.writes) {
    const type = roleType(use.role, dtype)
    const bytes = bytesOf(use.elements, type)
    total += bytes
    writes.push({name: use.name, role: use.role, dtype: type, elements: use.elements, bytes})
  }

  let lower = 0
  let upper = 0
  let bound: string | null = null
  const bytes: Record<string, Bytes> = {}
  for (const {level, ceiling, rate} of roof.levels) {
    bytes[level] = total
    const seconds = total / rate
    upper += seconds
    if (seconds > lower) {
      lower = seconds
      bound = ceiling.id
    }
  }
  const computes = computeType(node, dtype)
  const vector = cost.vector > 0 || cost.matrix === 0 ? roof.compute('vector', dtype.activations) : undefined
  const matrix = cost.matrix > 0 ? roof.compute('matrix', computes) : undefined
  if (vector && matrix && vector.ceiling === matrix.ceiling) {
    // one set of units does both: their times add
    const seconds = (cost.matrix + cost.vector) / matrix.rate
    upper += seconds
    if (seconds > lower) {
      lower = seconds
      bound = matrix.ceiling.id
    }
  } else {
    for (const [flops, engine] of [
      [cost.matrix, matrix],
      [cost.vector, vector],
    ] as const) {
      if (!engine) continue
      const seconds = flops / engine.rate
      upper += seconds
      if (seconds > lower) {
        lower = seconds
        bound = engine.ceiling.id
      }
    }
  }
  if (roof.launch) {
    upper += roof.launch.seconds
    if (roof.launch.seconds > lower) {
      lower = roof.launch.seconds
      bound = roof.launch.id
    }
  }
  return {
    id: node.id,
    kind: node.kind,
    repeat: node.repeat,
    shape: node.dims,
    formula: node.formula,
    macs: cost.macs,
    flops: cost.flops,
    executedFlops: cost.matrix + cost.vector,
    special: cost.special,
    reads,
    writes,
    bytes,
    intensity: total > 0 ? cost.flops / total : null,
    bound,
    computes: matrix ? matrix.dtype : vector!.dtype,
    time: {lower, predicted: null, upper, reason: UNCALIBRATED},
    share: 0,
    fusedFrom: node.fusedFrom,
  }
}

/** Peak bytes of activations alive at once: each from the operator that writes it to the last that reads it. */
export function activationPeak(graph: Graph, dtype: DType): Bytes {
  const {nodes, tensors} = graph
  const lastUse = new Int32Array(tensors.length).fill(-1)
  for (let i = 0; i < nodes.length; i++) {
    for (const tensor of nodes[i]!.inputs) lastUse[tensor.index] = i
    for (const tensor of nodes[i]!.outputs) if (lastUse[tensor.index]! < i) lastUse[tensor.index] = i
  }
  let live = 0
  let peak = 0
  for (let i = 0; i < nodes.length; i++) {
    const {inputs, outputs} = nodes[i]!
    for (const tensor of outputs) if (tensor.role === 'activation') live += bytesOf(tensor.elements, dtype)
    if (live > peak) peak = live
    for (const tensor of inputs) {
      if (tensor.role === 'activation' && lastUse[tensor.index] === i) {
        live -= bytesOf(tensor.elements, dtype)
        // an operator may read one tensor twice (x + x): it is freed once
        lastUse[tensor.index] = -1
      }
    }
    for (const tensor of outputs) {
      if (tensor.role === 'activation' && lastUse[tensor.index] === i) live -= bytesOf(tensor.elements, dtype)
    }
  }
  return peak
}

function memoryOf(graph: Graph, dtype: DTypes): Memory {
  let weights = 0
  let kvCache = 0
  for (const tensor of graph.tensors) {
    if (tensor.role === 'weight') weights += bytesOf(tensor.elements, dtype.weights) * tensor.repeat
    else if (tensor.role === 'kv') kvCache += bytesOf(tensor.elements, dtype.kv) * tensor.repeat
  }
  const activations = activationPeak(graph, dtype.activations)
  return {weights, activations, kvCache, gradients: 0, optimizer: 0, peak: weights + kvCache + activations}
}

/**
 * Places every operator of a graph under a roof and adds up along the graph.
 * @throws AnalysisError `bad-dimension` where a count would leave the exact integers (2^53)
 */
export function evaluate(graph: Graph, roof: Roof, work: Pick<Workload, 'dtype'>): Evaluation {
  const operators: PlacedOperator[] = []
  let macs = 0
  let flops = 0
  let executedFlops = 0
  let special = 0
  let bytes = 0
  const time: Time = {lower: 0, predicted: null, upper: 0, reason: UNCALIBRATED}
  const bounds = new Map<string | null, number>()
  for (const node of graph.nodes) {
    const placed = place(node, roof, work.dtype)
    operators.push(placed)
    const {repeat} = node
    macs += placed.macs * repeat
    flops += placed.flops * repeat
    executedFlops += placed.executedFlops * repeat
    special += placed.special * repeat
    bytes += placed.bytes[roof.levels[0]!.level]! * repeat
    const seconds = placed.time.lower * repeat
    time.lower += seconds
    time.upper += placed.time.upper * repeat
    bounds.set(placed.bound, (bounds.get(placed.bound) ?? 0) + seconds)
  }
  if (executedFlops > Number.MAX_SAFE_INTEGER || bytes > Number.MAX_SAFE_INTEGER) {
    throw new AnalysisError(
      'bad-dimension',
      `the counts exceed 2^53 (${executedFlops.toExponential(2)} FLOP, ${bytes.toExponential(2)} B)`,
      ['use a smaller --batch, --seq or --context: counts are exact integers here'],
    )
  }
  let bound: string | null = null
  let most = 0
  for (const [id, seconds] of bounds) {
    if (seconds > most) {
      most = seconds
      bound = id
    }
  }
  for (const placed of operators) placed.share = time.lower > 0 ? (placed.time.lower * placed.repeat) / time.lower : 0
  const levels: Record<string, Bytes> = {}
  for (const {level} of roof.levels) levels[level] = bytes
  return {
    operators,
    macs,
    flops,
    executedFlops,
    special,
    bytes: levels,
    intensity: bytes > 0 ? flops / bytes : null,
    bound,
    time,
    memory: memoryOf(graph, work.dtype),
  }
}
