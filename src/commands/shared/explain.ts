/** How an operator or a concept is explained: `perf explain` and `perf op show`. */
import * as Flags from '@oclif/core/flags'
import type {Explanation} from '../../analysis/document/explain.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import type {Answer} from './base.ts'

export const dimFlags = {
  dim: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    summary: 'a dimension of the operator; the others are those of its first example',
    helpValue: 'NAME=N',
    helpGroup: 'OPERATOR',
  }),
}

/**
 * `--dim m=4096 --dim bias=true` as names and values.
 * @throws AnalysisError `bad-flag` for a text without `=` or a name given twice
 */
export function chosenDims(dims: readonly string[] = []): Record<string, string> {
  const chosen: Record<string, string> = {}
  for (const text of dims) {
    const [name = '', value, ...rest] = text.split('=')
    if (name === '' || value === undefined || value === '' || rest.length > 0 || Object.hasOwn(chosen, name))
      throw new AnalysisError('bad-flag', `--dim ${JSON.stringify(text.slice(0, 64))} is not NAME=N, each name once`, [
        'for example --dim m=4096 --dim k=4096',
      ])
    chosen[name] = value
  }
  return chosen
}

export function explainAnswer(result: Explanation, next: string): Answer {
  return {
    schema: 'explain@1',
    result,
    text: async (look) => (await import('../../../reports/text/explain.ts')).explainText(result, look),
    sheets: async () => (await import('../../../reports/text/explain.ts')).explainSheets(result),
    next,
  }
}
