/** Graph + machine → placed operators and totals. The inner loop of everything: no strings are built here. */
import {type ComputeDType, type DType, dtypeBits} from './dtype.ts'
import {AnalysisError} from './errors.ts'
import type {Graph, Node} from './graph.ts'
import {type Memory, memoryOf} from './memory.ts'
import type {Dims, OpCost, Role, Steps, TensorUse} from './ops/types.ts'
import {type ComputeRoof, type Roof, trafficTime} from './roofline.ts'
import type {Bytes, BytesPerSecond, Flops, FlopsPerByte, Seconds} from './units.ts'
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

/** Steps of an operator that follow one another. */
export interface Sequential {
  readonly steps: number
  /** of one step at least */
  readonly seconds: Seconds
  /** what one step waits for: the id of a ceiling, or `latency` */
  readonly bound: string | null
  /** bytes of the weights that every step reads */
  readonly weights: Bytes
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
  /** where steps follow one another, as in a recurrent layer */
  readonly sequential?: Sequential
  /** the structure of its weights where its products run under the ceiling of that structure */
  readonly sparsity?: '2:4'
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
  /** a link that works beside the operators, s: its own time, theirs; `time.lower` is the longer */
  readonly link?: {readonly bandwidth: BytesPerSecond; readonly seconds: Seconds; readonly operators: Seconds}
}

const UNCALIBRATED = 'uncalibrated'

/** Type and width of each role, looked up once per evaluation. */
interface RoleType {
  readonly dtype: DType
  readonly bits: number
}

const roleType = (dtype: DType): RoleType => ({dtype, bits: dtypeBits[dtype]})

/** Types of tensors that have one of their own. */
const ownTypes = Object.fromEntries(
  (Object.keys(dtypeBits) as DType[]).map((dtype) => [dtype, roleType(dtype)]),
) as Readonly<Record<DType, RoleType>>

/** What placing one operator needs besides its node: everything that is the same for all of them. */
class Placer {
  readonly roof: Roof
  readonly dtype: DTypes
  private readonly weight: RoleType
  private readonly kv: RoleType
  private readonly activation: RoleType
  private readonly index: RoleType
  private readonly vector: ComputeRoof
  /** running sum of bytes over the uses of one operator */
  private total = 0

  constructor(roof: Roof, dtype: DTypes) {
    this.roof = roof
    this.dtype = dtype
    this.weight = roleType(dtype.weights)
    this.kv = roleType(dtype.kv)
    this.activation = roleType(dtype.activations)
    this.index = roleType('i64')
    this.vector = roof.compute('vector', dtype.activations)
  }

  private typeOf(role: Role): RoleType {
    if (role === 'weight') return this.weight
    if (role === 'kv') return this.kv
    return role === 'index' ? this.index : this.activation
  }

  /** Gives each use its type and bytes, and adds the bytes to `total`. */
  private uses(uses: readonly TensorUse[]): PlacedUse[] {
    const placed: PlacedUse[] = []
    for (let i = 0; i < uses.length; i++) {
      const {name, role, elements, dtype: own} = uses[i]!
      const {dtype, bits} = own === null ? this.typeOf(role) : ownTypes[own]
      const bytes = Math.ceil((elements * bits) / 8)
      this.total += bytes
      placed.push({name, role, dtype, elements, bytes})
    }
    return placed
  }

  /** The type a matrix product runs in follows from its operands: weights, cache, activations. */
  private productType(uses: readonly TensorUse[]): ComputeDType {
    let type = this.dtype.activations
    for (let i = 0; i < uses.length; i++) {
      const {role} = uses[i]!
      if (role === 'weight') type = productType(this.dtype.weights, type)
      else if (role === 'kv') type = productType(this.dtype.kv, type)
    }
    return type
  }

  /** The longest term is the lower bound and names the limiter; the sum of all terms is the upper. */
  private time(
    cost: OpCost,
    reads: Bytes,
    bytes: Bytes,
    matrix: ComputeRoof | undefined,
    vector: ComputeRoof,
  ): {bound: string | null; time: Time} {
    const {roof} = this
    let lower = 0
    let upper = 0
    let bound: string | null = null
    const term = (seconds: Seconds, id: string) => {
      upper += seconds
      if (seconds > lower) {
        lower = seconds
        bound = id
      }
    }
    for (let i = 0; i < roof.levels.length; i++) {
      const level = roof.levels[i]!
      if (level.mixes === null) term(bytes / level.rate, level.ceiling.id)
      else {
        const {seconds, id} = trafficTime(level, reads, bytes - reads)
        term(seconds, id)
      }
    }
    if (matrix && matrix.ceiling === vector.ceiling) {
      // one set of units does both: their times add
      term((cost.matrix + cost.vector) / matrix.rate, matrix.ceiling.id)
    } else {
      if (matrix) term(cost.matrix / matrix.rate, matrix.ceiling.id)
      if (cost.vector > 0) term(cost.vector / vector.rate, vector.ceiling.id)
    }
    if (roof.special && cost.special > 0) term(cost.special / roof.special.rate, roof.special.ceiling.id)
    if (roof.launch) term(roof.launch.seconds, roof.launch.id)
    return {bound, time: {lower, predicted: null, upper, reason: UNCALIBRATED}}
  }

  /** One of many steps at best: its own products, its start, and its weights again from the caches that cannot hold less. */
  private step({count, matrix, vector, special, weights}: Steps, product: ComputeRoof | undefined): Sequential {
    const {roof} = this
    let seconds = 0
    let bound: string | null = null
    const term = (time: Seconds, id: string) => {
      if (time > seconds) {
        seconds = time
        bound = id
      }
    }
    const bytes = Math.ceil((weights.elements * (weights.dtype ? dtypeBits[weights.dtype] : this.weight.bits)) / 8)
    for (const {ceiling, inside} of roof.levels) if (inside !== null) term((bytes - inside) / ceiling.value, ceiling.id)
    if (product?.ceiling === this.vector.ceiling) term((matrix + vector) / product.rate, product.ceiling.id)
    else {
      if (product) term(matrix / product.rate, product.ceiling.id)
      term(vector / this.vector.rate, this.vector.ceiling.id)
    }
    if (roof.special) term(special / roof.special.rate, roof.special.ceiling.id)
    if (roof.launch) term(roof.launch.seconds, roof.launch.id)
    return {steps: count, seconds, bound, weights: bytes}
  }

  /** An operator whose steps follow one another: at least all of them, at most each starting and reading its weights from memory. */
  private stepwise(placed: PlacedOperator, steps: Steps, product: ComputeRoof | undefined): PlacedOperator {
    const {launch, levels} = this.roof
    const sequential = this.step(steps, product)
    const {time} = placed
    const least = sequential.steps * sequential.seconds
    const each = (launch?.seconds ?? 0) + sequential.weights / levels[0]!.ceiling.value
    const upper = time.upper + (sequential.steps - 1) * each
    return {
      ...placed,
      bound: least > time.lower ? sequential.bound : placed.bound,
      time: {...time, lower: Math.max(time.lower, least), upper: Math.max(upper, least)},
      sequential,
    }
  }

  private matrix({sparsity}: Node, dtype: ComputeDType): ComputeRoof {
    const sparse = sparsity === undefined ? null : this.roof.sparse(dtype)
    return sparse ?? this.roof.compute('matrix', dtype)
  }

  place(node: Node): PlacedOperator {
    const {cost} = node
    this.total = 0
    const reads = this.uses(cost.reads)
    const readBytes = this.total
    const writes = this.uses(cost.writes)
    const bytes = this.total
    const {computes} = node
    const matrix = cost.matrix > 0 ? this.matrix(node, computes ?? this.productType(cost.reads)) : undefined
    const vector = computes === undefined || matrix ? this.vector : this.roof.compute('vector', computes)
    const {bound, time} = this.time(cost, readBytes, bytes, matrix, vector)
    const placed: PlacedOperator = {
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
      bytes: this.roof.atEachLevel(bytes),
      intensity: bytes > 0 ? cost.flops / bytes : null,
      bound,
      computes: matrix ? matrix.dtype : vector.dtype,
      time,
      share: 0,
      fusedFrom: node.fusedFrom,
    }
    if (cost.steps !== undefined) return this.stepwise(placed, cost.steps, matrix)
    // only a product with 2:4 weights can have been given a sparse ceiling
    const sparsity = node.sparsity && matrix?.ceiling.sparsity
    return sparsity === undefined ? placed : {...placed, sparsity}
  }
}

const tooLarge = (op: PlacedOperator, level: string): AnalysisError =>
  new AnalysisError(
    'bad-dimension',
    `the counts of ${op.id} exceed 2^53 (${op.executedFlops.toExponential(2)} FLOP, ${op.bytes[level]!.toExponential(2)} B)`,
    ['use a smaller --batch, --seq or --context: the counts of an operator are exact integers here'],
  )

/**
 * Places every operator of a graph under a roof and adds up along the graph. Totals above 2^53 are the nearest doubles.
 * @throws AnalysisError `bad-dimension` where the count of one operator would leave the exact integers (2^53)
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
  const placer = new Placer(roof, work.dtype)
  const outer = roof.levels[0]!.level
  for (const node of graph.nodes) {
    const placed = placer.place(node)
    operators.push(placed)
    const largest = Math.max(placed.executedFlops, placed.bytes[outer]!)
    // a fused operator is a sum like the totals
    if (largest > Number.MAX_SAFE_INTEGER && placed.fusedFrom.length === 0) throw tooLarge(placed, outer)
    const {repeat} = node
    macs += placed.macs * repeat
    flops += placed.flops * repeat
    executedFlops += placed.executedFlops * repeat
    special += placed.special * repeat
    bytes += placed.bytes[outer]! * repeat
    const seconds = placed.time.lower * repeat
    time.lower += seconds
    time.upper += placed.time.upper * repeat
    bounds.set(placed.bound, (bounds.get(placed.bound) ?? 0) + seconds)
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
  return {
    operators,
    macs,
    flops,
    executedFlops,
    special,
    bytes: roof.atEachLevel(bytes),
    intensity: bytes > 0 ? flops / bytes : null,
    bound,
    time,
    memory: memoryOf(graph, work.dtype),
  }
}
