/** Kept activations on their way to the host and back: communication beside the operators. */
import type {Evaluation} from '../evaluate.ts'
import type {Bytes, BytesPerSecond} from '../units.ts'

/** The bound of a step that waits for the link to the host. */
export const OFFLOAD_LINK = 'offload-link'

/**
 * A step with the time of its link. The link is busy for there and back; at best all of it lies behind the operators, so the
 * lower bound is the longer of the two, and the upper their sum. Shares stay shares of the lower bound: where the link is
 * longer, those of the operators add up to less than one.
 * @param bytes kept activations, one way
 * @param bandwidth of the link, B/s in each direction by turns
 */
export function withLink(step: Evaluation, bytes: Bytes, bandwidth: BytesPerSecond): Evaluation {
  const seconds = (2 * bytes) / bandwidth
  const operators = step.time.lower
  const link = {bandwidth, seconds, operators}
  const time = {...step.time, lower: Math.max(operators, seconds), upper: step.time.upper + seconds}
  if (seconds <= operators) return {...step, time, link}
  const placed = step.operators.map((op) => ({...op, share: (op.share * operators) / seconds}))
  return {...step, operators: placed, time, link, bound: OFFLOAD_LINK}
}
