/** The formulas of operators: `2·m·n·k + bias·m·n`. A small grammar, so that the text itself can be computed. */
import {AnalysisError} from '../errors.ts'
import {formatCount} from '../units.ts'

export type Values = Readonly<Record<string, number | boolean>>

export type Expression =
  | {readonly kind: 'number'; readonly value: number}
  | {readonly kind: 'name'; readonly name: string}
  | {readonly kind: 'chain'; readonly level: 'sum' | 'product'; readonly terms: readonly Term[]}

export interface Term {
  readonly sign: '+' | '−' | '·' | '/'
  readonly of: Expression
}

const token = /\s*(?:(\d+)|([A-Za-z][A-Za-z0-9]*)|([·*/+−()-]))/y

function fail(text: string, at: number): never {
  throw new AnalysisError('internal', `the formula "${text}" cannot be read at position ${at}`)
}

function tokens(text: string): string[] {
  const found: string[] = []
  token.lastIndex = 0
  const length = text.trimEnd().length
  while (token.lastIndex < length) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (!match) fail(text, at)
    found.push((match[1] ?? match[2] ?? match[3])!.replace('*', '·').replace('-', '−'))
  }
  return found
}

/**
 * Reads a formula: sums and differences of products and quotients of numbers, names and parentheses.
 * @throws AnalysisError `internal`: formulas are the tool's own
 */
export function parseFormula(text: string): Expression {
  const list = tokens(text)
  let i = 0
  const chain = (level: 'sum' | 'product', signs: readonly string[], inner: () => Expression): Expression => {
    const first = inner()
    const terms: Term[] = [{sign: level === 'sum' ? '+' : '·', of: first}]
    while (i < list.length && signs.includes(list[i]!)) {
      const sign = list[i++] as Term['sign']
      terms.push({sign, of: inner()})
    }
    return terms.length === 1 ? first : {kind: 'chain', level, terms}
  }
  const atom = (): Expression => {
    const next = list[i++]
    if (next === undefined) fail(text, text.length)
    if (next === '(') {
      const inside = sum()
      if (list[i++] !== ')') fail(text, text.length)
      return inside
    }
    if (/^\d/.test(next)) return {kind: 'number', value: Number(next)}
    if (/^[A-Za-z]/.test(next)) return {kind: 'name', name: next}
    return fail(text, text.indexOf(next))
  }
  const product = (): Expression => chain('product', ['·', '/'], atom)
  const sum = (): Expression => chain('sum', ['+', '−'], product)
  const result = sum()
  if (i < list.length) fail(text, text.length)
  return result
}

/** Names in a formula, each once, in order. */
export function namesIn(e: Expression): string[] {
  if (e.kind === 'number') return []
  if (e.kind === 'name') return [e.name]
  return [...new Set(e.terms.flatMap(({of}) => namesIn(of)))]
}

/**
 * The value of a formula; booleans count as 0 or 1.
 * @throws AnalysisError `internal` for a name without a value
 */
export function evaluateFormula(e: Expression, values: Values): number {
  if (e.kind === 'number') return e.value
  if (e.kind === 'name') {
    if (!Object.hasOwn(values, e.name)) throw new AnalysisError('internal', `the formula needs "${e.name}"`)
    return Number(values[e.name])
  }
  let result = e.level === 'sum' ? 0 : 1
  for (const {sign, of} of e.terms) {
    const value = evaluateFormula(of, values)
    if (sign === '+') result += value
    else if (sign === '−') result -= value
    else if (sign === '·') result *= value
    else result /= value
  }
  return result
}

/** The formula with numbers in place of names: `2·64·12,288·12,288 + 0·64·12,288`. */
export function substitute(e: Expression, values: Values, inside = false): string {
  if (e.kind !== 'chain') return formatCount(evaluateFormula(e, values))
  const text = e.terms
    .map(({sign, of}, i) => {
      const term = substitute(of, values, true)
      if (i === 0) return term
      return e.level === 'sum' ? ` ${sign} ${term}` : `${sign}${term}`
    })
    .join('')
  return inside && e.level === 'sum' ? `(${text})` : text
}

/** The terms of a sum, each computed: `19,327,352,832 + 0`. A product is one term. */
export function termsOf(e: Expression, values: Values): string {
  if (e.kind !== 'chain' || e.level === 'product') return formatCount(evaluateFormula(e, values))
  return e.terms
    .map(({sign, of}, i) => `${i === 0 ? '' : ` ${sign} `}${formatCount(evaluateFormula(of, values))}`)
    .join('')
}
