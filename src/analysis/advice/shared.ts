/** What several rules ask of an evaluation. */
import {AnalysisError} from '../errors.ts'
import type {Evaluation, PlacedOperator} from '../evaluate.ts'
import {OFFLOAD_LINK} from '../training/offload.ts'
import type {Seconds} from '../units.ts'
import type {Workload} from '../workload.ts'
import type {AdviceContext} from './types.ts'

/** A saving below 0.2 % of the pass is not worth a line. */
const WORTH = 0.002

/** The largest batch a rule looks at: beyond it the ridge of every known machine is passed. */
export const LARGEST_BATCH = 65_536

/** Tokens that one pass processes. */
export const tokensOf = (work: Workload): number => work.batch * work.seq

/** Whether a saving is large enough to be said. */
export const worthwhile = (saves: Seconds, evaluation: Evaluation): boolean => saves >= WORTH * evaluation.time.lower

/** Whether this id is a bandwidth ceiling of the machine. */
function isBandwidth(context: Pick<AdviceContext, 'roof'>, bound: string | null): boolean {
  return context.roof.levels.some(({ceiling}) => ceiling.id === bound)
}

/** Whether this is a compute ceiling: neither a memory level nor the start of operators, nor nothing at all. */
export function isArithmetic(context: Pick<AdviceContext, 'roof'>, bound: string | null): boolean {
  return bound !== null && bound !== context.roof.launch?.id && bound !== OFFLOAD_LINK && !isBandwidth(context, bound)
}

/** Bytes of one role among what an operator reads. */
export function bytesRead(op: PlacedOperator, role: 'weight' | 'kv'): number {
  return op.reads.reduce((sum, use) => (use.role === role ? sum + use.bytes : sum), 0)
}

/** Whether an operator waits for memory, and most of what it waits for is of one role. */
export function waitsFor(context: Pick<AdviceContext, 'roof'>, op: PlacedOperator, role: 'weight' | 'kv'): boolean {
  if (!isBandwidth(context, op.bound)) return false
  const all = [...op.reads, ...op.writes].reduce((sum, use) => sum + use.bytes, 0)
  return bytesRead(op, role) > all / 2
}

/** Share of the pass in operators that wait for tensors of one role. */
export function shareWaiting(
  context: Pick<AdviceContext, 'roof'>,
  evaluation: Evaluation,
  role: 'weight' | 'kv',
): number {
  return evaluation.operators.reduce((sum, op) => (waitsFor(context, op, role) ? sum + op.share : sum), 0)
}

const refusals: ReadonlySet<string> = new Set(['bad-dimension', 'bad-flag'])

/** The pass under a change, or `undefined` where its counts would leave the exact integers or the model does not take it. */
export function attempt(context: AdviceContext, change: Partial<Workload>): Evaluation | undefined {
  try {
    return context.rerun(change)
  } catch (error) {
    if (error instanceof AnalysisError && refusals.has(error.code)) return undefined
    throw error
  }
}

/** Whether the pass under a change fits the memory of one device; true where the capacity is not known. */
export function fits(context: AdviceContext, change: Partial<Workload>): boolean {
  const evaluation = attempt(context, change)
  const capacity = context.roof.machine.memory?.capacity ?? Number.POSITIVE_INFINITY
  return evaluation !== undefined && evaluation.memory.peak <= capacity
}
