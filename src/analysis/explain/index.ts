/** `perf explain`: an operator, or a concept. */
import {unknownName} from '../catalog.ts'
import type {ConceptExplanation, Explanation} from '../document/explain.ts'
import {AnalysisError, NAME_LIMIT} from '../errors.ts'
import {ops} from '../ops/index.ts'
import {type Concept, layOut} from './concept.ts'
import {concepts} from './concepts/index.ts'
import type {GivenDims} from './dims.ts'
import {explainOperator} from './operator.ts'

export {explainOperator, type GivenDims}

/**
 * A concept by its id or another of its names, in any case (`MFU`).
 * @throws AnalysisError `unknown-concept` with the nearest names
 */
export function explainConcept(name: string): ConceptExplanation {
  const known: readonly Concept[] = Object.values(concepts)
  const asked = name.slice(0, NAME_LIMIT).toLowerCase().replaceAll('_', '-')
  const concept = known.find(({id, also}) => id === asked || also?.includes(asked))
  if (!concept) {
    const ids = known.map(({id}) => id)
    const others = known.flatMap(({also}) => also ?? [])
    throw unknownName(
      'unknown-concept',
      'operator or concept',
      name,
      [...ids, ...others, ...Object.keys(ops)],
      `concepts: ${ids.join(', ')}; \`perf op list\` shows the operators`,
    )
  }
  return {kind: 'concept', id: concept.id, title: concept.title, text: layOut(concept), source: concept.source}
}

/**
 * Explains an operator, with its arithmetic filled in, or a concept, in a screenful.
 * @param dims for an operator: some of its dims
 * @throws AnalysisError `unknown-concept`, `bad-dimension`, `bad-flag`
 */
export function explain(name: string, dims: GivenDims = {}): Explanation {
  if (Object.hasOwn(ops, name)) return explainOperator(name, dims)
  const concept = explainConcept(name)
  if (Object.keys(dims).length > 0)
    throw new AnalysisError('bad-flag', `--dim does not apply to ${name}: it is a concept`, ['leave --dim out'])
  return concept
}
