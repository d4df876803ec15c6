/**
 * The knee of a batch: from where a larger one stops being almost free, because the weights that all samples share are no
 * longer what the pass waits for.
 *
 * An operator that a bandwidth binds spends its time on tensors in proportion to their bytes; one that a peak binds spends
 * it on arithmetic. The knee is the smallest batch at which reading weights takes no more than half of the pass:
 *
 *     Σ t · (bytes of weights ÷ all bytes)  ≤  ½ Σ t        over operators; the left sum over those that a bandwidth binds
 *
 * Where all wait for one memory this is W ÷ K, bytes of weights over bytes that each further sample brings (in decode the KV
 * cache); where products reach a peak first, it is their ridge. Source: Pope et al. 2022 (arXiv:2211.05102) §2, on which of
 * weights, KV cache and arithmetic the time of a step goes to.
 */
import type {Role} from './ops/types.ts'

/** What a pass waits for. */
const timeParts = ['weights', 'cache', 'activations', 'arithmetic', 'latency'] as const
export type TimePart = (typeof timeParts)[number]

interface Use {
  readonly role: Role
  readonly bytes: number
}

/** What is needed of an operator; times are of one instance. */
export interface Timed {
  readonly repeat: number
  readonly bound: string | null
  readonly time: {readonly lower: number}
  readonly reads: readonly Use[]
  readonly writes: readonly Use[]
}

const partOf = ({role}: Use): TimePart => (role === 'weight' ? 'weights' : role === 'kv' ? 'cache' : 'activations')

/**
 * Seconds of a pass by what they are spent on.
 * @param kindOf kind of a ceiling by its id: `compute`, `bandwidth`, `latency`
 */
export function partsOfTime(
  operators: readonly Timed[],
  kindOf: (bound: string | null) => string | undefined,
): Record<TimePart, number> {
  const parts: Record<TimePart, number> = {weights: 0, cache: 0, activations: 0, arithmetic: 0, latency: 0}
  for (const {repeat, bound, time, reads, writes} of operators) {
    const seconds = time.lower * repeat
    const kind = kindOf(bound)
    if (kind !== 'bandwidth') {
      parts[kind === 'compute' ? 'arithmetic' : 'latency'] += seconds
      continue
    }
    const uses = [...reads, ...writes]
    const bytes = uses.reduce((sum, use) => sum + use.bytes, 0)
    if (bytes > 0) for (const use of uses) parts[partOf(use)] += (seconds * use.bytes) / bytes
  }
  return parts
}

/** Share of the pass that reading weights takes, 0 to 1; 0 of a pass that takes no time. */
export function weightShare(parts: Readonly<Record<TimePart, number>>): number {
  const total = timeParts.reduce((sum, part) => sum + parts[part], 0)
  return total > 0 ? parts.weights / total : 0
}

/** The largest part besides the weights: what takes over behind the knee. */
export const takesOver = (parts: Readonly<Record<TimePart, number>>): Exclude<TimePart, 'weights'> =>
  (timeParts.slice(1) as Exclude<TimePart, 'weights'>[]).reduce((a, b) => (parts[b] > parts[a] ? b : a))
