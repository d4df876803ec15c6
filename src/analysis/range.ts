/** Ranges of whole numbers as a user writes them: `1:512:x2`, `128:4096:+128`, `1,2,4`. */
import {AnalysisError, quoted} from './errors.ts'
import {wholeNumber} from './workload.ts'

/** Values of one range; more would be a table that nobody reads. */
export const MOST_VALUES = 1000

const examples = ['write START:END:xFACTOR (1:512:x2), START:END:+STEP (128:4096:+128), or a list (1,2,4)']

function fail(flag: string, text: string, problem: string): never {
  throw new AnalysisError('bad-range', `${flag} ${quoted(text)}: ${problem}`, examples)
}

function parseNumber(part: string, flag: string, text: string): number {
  if (!/^\d{1,16}$/.test(part.trim())) fail(flag, text, `${quoted(part)} is not a whole number`)
  return Number(part)
}

function steps(start: number, end: number, rule: string, flag: string, text: string): number[] {
  const match = /^([x+])(\d{1,16})$/.exec(rule)
  if (!match) fail(flag, text, `the step ${quoted(rule)} is neither x and a factor nor + and a difference`)
  const by = Number(match[2])
  const [grows, next] =
    match[1] === 'x' ? [by >= 2 && start > 0, (n: number) => n * by] : [by >= 1, (n: number) => n + by]
  if (!grows) {
    const need =
      match[1] === 'x'
        ? 'a factor is at least 2, and a range with a factor starts at 1 or above'
        : 'a step is at least 1'
    fail(flag, text, need)
  }
  const values: number[] = []
  for (let n = start; n <= end; n = next(n)) {
    if (values.length === MOST_VALUES) fail(flag, text, `has more than ${MOST_VALUES} values`)
    values.push(n)
  }
  return values
}

/**
 * The values of a range, ascending, each once. The end is included where a step meets it.
 * @param text `START:END:xFACTOR`, `START:END:+STEP`, `START:END` (every whole number), a list, or one number
 * @param flag what messages call it
 * @param least the smallest value allowed
 * @throws AnalysisError `bad-range` for the form, `bad-flag` for a value outside `least`…1e9
 */
export function parseRange(text: string, flag = '--batch', least = 1): number[] {
  if (text.trim() === '') fail(flag, text, 'is empty')
  const parts = text.trim().split(':')
  if (parts.length > 3) fail(flag, text, 'has more than three parts')
  if (parts.length > 1) {
    const start = wholeNumber(parseNumber(parts[0]!, flag, text), flag, least)
    const end = wholeNumber(parseNumber(parts[1]!, flag, text), flag, least)
    if (start > end) fail(flag, text, `starts at ${start}, above its end ${end}`)
    return steps(start, end, parts[2]?.trim() ?? '+1', flag, text)
  }
  const list = parts[0]!.split(',', MOST_VALUES + 1)
  if (list.length > MOST_VALUES) fail(flag, text, `has more than ${MOST_VALUES} values`)
  const values = list.map((part) => wholeNumber(parseNumber(part, flag, text), flag, least))
  return [...new Set(values)].sort((a, b) => a - b)
}
