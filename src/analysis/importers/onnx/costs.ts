/** Costs that a user supplies for operators of a file that nobody here knows. */
import {AnalysisError, quoted} from '../../errors.ts'
import {parseJson} from '../json.ts'

/** Work per element of the first result; bytes are those of the operator's inputs and results. */
export interface SuppliedCost {
  /** FLOPs per element of the result, besides those of `macs` */
  readonly flops: number
  /** multiply–accumulates per element of the result */
  readonly macs: number
}

/** By name, those of other domains with the domain in front: `acme.Frob`. */
export type SuppliedCosts = Readonly<Record<string, SuppliedCost>>

const MOST = 1000
const example = ['for example {"acme.Frob": {"flops": 3}, "acme.Mix": {"macs": 256}}']

/**
 * Reads `{"acme.Frob": {"flops": 3, "macs": 0}}`: whole numbers per element of the result.
 * @throws AnalysisError `bad-json`, `bad-file` naming the operator and the field
 */
export function parseOpCosts(text: string, origin: string): SuppliedCosts {
  const refuse = (wrong: string) => new AnalysisError('bad-json', `${origin}: not JSON: ${wrong}`, example)
  const parsed = parseJson(text, refuse)
  const fail = (problem: string): never => {
    throw new AnalysisError('bad-file', `${origin}: ${problem}`, example)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return fail('is no object of operators')
  const entries = Object.entries(parsed)
  if (entries.length > MOST) fail(`has ${entries.length} operators; at most ${MOST} are read`)
  const costs = new Map<string, SuppliedCost>()
  for (const [op, value] of entries) {
    if (typeof value !== 'object' || value === null) fail(`${quoted(op)} is no object with flops or macs`)
    const fields = value as Record<string, unknown>
    for (const field of Object.keys(fields))
      if (field !== 'flops' && field !== 'macs') fail(`${quoted(op)} has the unknown field ${quoted(field)}`)
    const count = (field: 'flops' | 'macs'): number => {
      const number = fields[field] ?? 0
      if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > 1e9)
        return fail(`${field} of ${quoted(op)} is no whole number from 0 to 1e9`)
      return number
    }
    costs.set(op, {flops: count('flops'), macs: count('macs')})
  }
  return Object.fromEntries(costs)
}
