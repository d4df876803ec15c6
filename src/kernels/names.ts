/** Which kernels or pairs names stand for, and what to say about one that is not known. Browser-safe. */
import {nearest} from '../analysis/catalog.ts'
import {AnalysisError, quoted} from '../analysis/errors.ts'

/** @param problem what is wrong with the name: `is not known` */
const unknownKernel = (
  what: 'kernel' | 'pair',
  name: string,
  problem: string,
  known: readonly string[],
): AnalysisError => {
  const near = nearest(name, known)
  return new AnalysisError('unknown-kernel', `${what} ${quoted(name)} ${problem}; there are ${known.join(', ')}`, [
    ...(near.length > 0 ? [`did you mean ${near.join(', ')}?`] : []),
    what === 'kernel' ? '`perf bench` without a name runs them all' : '`perf compare --fused all` runs them all',
  ])
}

/** Whether names choose some of what there is: none and `all` choose all of it. */
export const someOf = (names: readonly string[] | undefined): boolean =>
  names !== undefined && names.length > 0 && !names.includes('all')

/**
 * What names stand for. Beside `all`, too, each must be known.
 * @param problem what is wrong with a name that is none of these
 * @throws {AnalysisError} `unknown-kernel`
 */
export function choose<K extends string>(
  names: readonly string[] | undefined,
  all: readonly K[],
  what: 'kernel' | 'pair',
  problem = 'is not known',
): K[] {
  const found = (names ?? []).flatMap((name) => {
    const known = all.find((id) => id === name)
    if (!known && name !== 'all') throw unknownKernel(what, name, problem, all)
    return known ?? []
  })
  return someOf(names) ? found : [...all]
}
