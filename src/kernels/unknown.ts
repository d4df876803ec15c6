/** What to say about a kernel or a pair that is not known. Browser-safe. */
import {nearest} from '../analysis/catalog.ts'
import {AnalysisError, quoted} from '../analysis/errors.ts'

/** @param problem what is wrong with the name: `is not known` */
export const unknownKernel = (
  what: 'kernel' | 'pair',
  name: string,
  problem: string,
  known: readonly string[],
): AnalysisError =>
  new AnalysisError('unknown-kernel', `${what} ${quoted(name)} ${problem}; there are ${known.join(', ')}`, [
    ...nearest(name, known).map((id) => `did you mean ${id}?`),
    what === 'kernel' ? '`perf bench` without a name runs them all' : '`perf compare --fused all` runs them all',
  ])
