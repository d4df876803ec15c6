/** `perf explain`: an operator, or a concept. */
import {unknownName} from '../catalog.ts'
import type {ConceptExplanation, Explanation} from '../document/explain.ts'
import {AnalysisError} from '../errors.ts'
import {ops} from '../ops/index.ts'
import {type Concept, layOut} from './concept.ts'
import {concepts} from './concepts/index.ts'
import type {GivenDims} from './dims.ts'
import {explainOperator} from './operator.ts'

export {explainOperator, type GivenDims}

/** @throws AnalysisError `unknown-concept` with the nearest names */
export function explainConcept(id: string): ConceptExplanation {
  const known: Readonly<Record<string, Concept>> = concepts
  if (!Object.hasOwn(known, id)) {
    const names = [...Object.keys(known), ...Object.keys(ops)]
    throw unknownName(
      'unknown-concept',
      'operator or concept',
      id,
      names,
      `concepts: ${Object.keys(known).join(', ')}; \`perf op list\` shows the operators`,
    )
  }
  const concept = known[id]!
  return {kind: 'concept', id, title: concept.title, text: layOut(concept), source: concept.source}
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
