/** What a call is refused with. */
import {expect} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'

/** The error of a call that must not be accepted; any other error, and none, fails the test. */
export function failure(run: () => unknown): AnalysisError {
  try {
    run()
  } catch (error) {
    if (error instanceof AnalysisError) return error
    throw error
  }
  return expect.fail('accepted')
}
