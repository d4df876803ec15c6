/** How the tokens of a workload spread over the experts of a mixture. */
import type {Routing} from './architectures/types.ts'
import {AnalysisError} from './errors.ts'
import {type ModelDef, traitsOf} from './models/types.ts'
import {echoed} from './units.ts'

/** What a caller may say of it. */
export interface RoutingOptions {
  capacityFactor?: number | undefined
  imbalance?: number | undefined
}

function factor(flag: string, value: number, from: number, to: number): number {
  if (value >= from && value <= to) return value
  throw new AnalysisError('bad-flag', `${flag} ${echoed(value)} is not a number from ${from} to ${to}`, [
    `for example ${flag} 1.25`,
  ])
}

/**
 * The routing of a workload; `null` where nothing is said: every expert gets its share, none is padded, nothing is dropped.
 * @throws AnalysisError `bad-flag` for a model without experts, and for factors that no routing can have
 */
export function resolveRouting(model: ModelDef, {capacityFactor, imbalance}: RoutingOptions): Routing | null {
  if (capacityFactor === undefined && imbalance === undefined) return null
  const {mixture} = traitsOf(model)
  if (!mixture) {
    const given = capacityFactor === undefined ? `--imbalance ${imbalance}` : `--capacity-factor ${capacityFactor}`
    throw new AnalysisError('bad-flag', `${given} does not apply to ${model.id}: it is no mixture of experts`, [
      `leave ${given.split(' ')[0]} out`,
    ])
  }
  // a token chooses an expert once: the busiest sees every token at most, experts ÷ choices times the mean
  const most = mixture.experts / mixture.topK
  return {
    capacityFactor: capacityFactor === undefined ? null : factor('--capacity-factor', capacityFactor, 0.01, most),
    imbalance: imbalance === undefined ? null : factor('--imbalance', imbalance, 1, most),
  }
}

/** The options that give this routing again. */
export const routingOptions = (routing: Routing | null | undefined): RoutingOptions => ({
  capacityFactor: routing?.capacityFactor ?? undefined,
  imbalance: routing?.imbalance ?? undefined,
})

/** How routing is counted, for the list of assumptions. */
export function routingConventions({capacityFactor, imbalance}: Routing): string[] {
  const said: string[] = []
  if (capacityFactor !== null)
    said.push(
      `every expert computes ⌈${capacityFactor}·tokens·choices/experts⌉ rows, padded (executed, not useful)${imbalance === null ? '' : '; what the busiest gets beyond that is dropped'}`,
    )
  if (imbalance !== null)
    said.push(
      `the busiest expert gets ${imbalance} times the mean, the others share the rest evenly; experts work side by side (expert parallelism, or one batched product), so that all take as long as ${capacityFactor === null ? 'the busiest' : 'one that is full'}`,
    )
  return said
}
