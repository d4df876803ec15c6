/** What a caller may say about a model file that names its sizes. */
import {AnalysisError} from '../errors.ts'
import type {ImportOptions} from './index.ts'

/**
 * Of a model whose sizes have no names and whose operators are all known there is nothing to say, and nothing is passed over in silence.
 * @throws AnalysisError `bad-flag`
 */
export function refuseOptions(name: string, {dims, costs}: ImportOptions): void {
  const [dim] = Object.keys(dims ?? {})
  const flag = dim !== undefined ? `--dim ${dim}=${dims![dim]}` : costs ? '--op-cost' : null
  if (flag === null) return
  throw new AnalysisError('bad-flag', `${flag} does not apply to ${name}: it is of ONNX files`, [
    dim !== undefined
      ? 'leave --dim out; --batch, --seq, --context, --image … say the sizes of a workload'
      : 'leave --op-cost out',
  ])
}
