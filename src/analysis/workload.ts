/** What is asked of a model: phase, sizes and number formats, checked. */
import {type ComputeDType, dtypeBits} from './dtype.ts'
import {AnalysisError} from './errors.ts'
import type {ModelDef} from './models/types.ts'
import {type Fusion, fusions} from './passes/index.ts'

export const phases = ['prefill', 'decode', 'forward'] as const
export type Phase = (typeof phases)[number]

export interface DTypes {
  readonly weights: ComputeDType
  readonly activations: ComputeDType
  readonly kv: ComputeDType
}

export interface Workload {
  readonly phase: Phase
  readonly batch: number
  readonly seq: number
  readonly context: number
  readonly logits: 'last' | 'all'
  readonly dtype: DTypes
  readonly fusion: Fusion
  /** devices in all; those that share each layer. Replicas = count ÷ tp */
  readonly count: number
  readonly tp: number
}

/** What a caller may leave out. */
export interface WorkloadOptions {
  phase?: string | undefined
  batch?: number | undefined
  seq?: number | undefined
  context?: number | undefined
  logits?: 'last' | 'all' | undefined
  dtype?: ComputeDType | undefined
  weightsDtype?: ComputeDType | undefined
  kvDtype?: ComputeDType | undefined
  fusion?: Fusion | undefined
  count?: number | undefined
  tp?: number | undefined
}

/** Largest value of any size: products of a few of them must stay exact below 2^53, and `evaluate` checks that they do. */
export const MAX_SIZE = 1e9

/** @throws AnalysisError `bad-flag` unless `value` is a whole number from `min` to 1e9 */
export function wholeNumber(value: number, name: string, min = 1): number {
  if (!Number.isInteger(value) || value < min || value > MAX_SIZE) {
    throw new AnalysisError(
      'bad-flag',
      `${name} ${value} is not a whole number from ${min} to ${MAX_SIZE.toLocaleString('en-US')}`,
      [`give a whole number, for example ${name} ${Math.max(min, 8)}`],
    )
  }
  return value
}

function phaseOf(model: ModelDef, asked: string | undefined): Phase {
  const generates = model.spec.causal && model.spec.lmHead
  const allowed: readonly Phase[] = generates ? ['prefill', 'decode'] : ['forward']
  if (asked === undefined) return allowed[0]!
  if ((allowed as readonly string[]).includes(asked)) return asked as Phase
  const reason = asked === 'train' ? 'training is not analyzed yet' : generates ? '' : `${model.id} does not generate`
  throw new AnalysisError('bad-phase', `--phase ${asked} does not apply to ${model.id}${reason ? `: ${reason}` : ''}`, [
    `use --phase ${allowed.join(' or --phase ')}`,
  ])
}

/** Devices must divide what they share. */
function checkDevices(model: ModelDef, count: number, tp: number): void {
  if (count % tp !== 0) {
    throw new AnalysisError('bad-flag', `--count ${count} is not a multiple of --tp ${tp}`, [
      `use --count ${tp * Math.ceil(count / tp)}`,
    ])
  }
  const {heads, kvHeads, ffn} = model.spec
  for (const [name, value] of [
    ['heads', heads],
    ['ffn', ffn],
  ] as const) {
    if (value % tp !== 0) {
      const divisors = [2, 4, 8, 16].filter((n) => heads % n === 0 && ffn % n === 0)
      throw new AnalysisError('bad-dimension', `--tp ${tp} does not divide ${name} = ${value} of ${model.id}`, [
        divisors.length > 0 ? `use --tp ${divisors.join(', ')}` : 'leave --tp out',
      ])
    }
  }
  // a device's query heads must not span two groups: either side divides the other
  if (kvHeads % tp !== 0 && tp % kvHeads !== 0) {
    throw new AnalysisError('bad-dimension', `--tp ${tp} does not divide kvHeads = ${kvHeads} of ${model.id}`, [
      'choose a divisor',
    ])
  }
}

/**
 * Fills in the defaults of the contract and checks every value.
 * @throws AnalysisError naming the flag, the value and what is allowed
 */
export function resolveWorkload(model: ModelDef, options: WorkloadOptions): Workload {
  const phase = phaseOf(model, options.phase)
  const decode = phase === 'decode'
  const batch = wholeNumber(options.batch ?? 1, '--batch')
  const seq = wholeNumber(options.seq ?? (decode ? 1 : Math.min(2048, model.spec.positions)), '--seq')
  const context = wholeNumber(options.context ?? (decode ? 2048 : 0), '--context', 0)
  if (phase === 'forward' && context > 0) {
    throw new AnalysisError('bad-flag', `--context ${context} does not apply to ${model.id}: it has no KV cache`, [
      'leave --context out',
    ])
  }
  const logits = options.logits ?? 'last'
  if (logits !== 'last' && logits !== 'all') {
    throw new AnalysisError('bad-flag', `--logits "${logits}" is not known`, ['use one of last, all'])
  }
  const fusion = options.fusion ?? 'attention'
  if (!Object.hasOwn(fusions, fusion)) {
    throw new AnalysisError('bad-flag', `--fusion "${fusion}" is not known`, [
      `use one of ${Object.keys(fusions).join(', ')}`,
    ])
  }
  const base = options.dtype ?? model.dtype
  const dtype = {weights: options.weightsDtype ?? base, activations: base, kv: options.kvDtype ?? base}
  const given = options.count === undefined ? undefined : wholeNumber(options.count, '--count')
  const tp = wholeNumber(options.tp ?? given ?? 1, '--tp')
  const count = given ?? tp
  checkDevices(model, count, tp)
  return {phase, batch, seq, context, logits, dtype, fusion, count, tp}
}

/** The type that a product of two operands computes in: the wider of both, the activations' where they tie. */
export function productType(a: ComputeDType, activations: ComputeDType): ComputeDType {
  return dtypeBits[a] > dtypeBits[activations] ? a : activations
}
