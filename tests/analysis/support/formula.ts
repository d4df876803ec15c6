/** Evaluates the formulas that operators print (`2·m·n·k + bias·m·n`), independently of the code that counts. */

const token = /\s*(?:(\d+)|([A-Za-z]\w*)|([·+\-/()]))/y

/**
 * Value of an expression of whole numbers, names, `·`, `/`, `+`, `-` and parentheses.
 * @throws Error where the text is not such an expression or a name has no value
 */
export function evaluateFormula(text: string, values: Readonly<Record<string, number | boolean>>): number {
  const tokens: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (!match) throw new Error(`"${text}" is no formula from position ${at}`)
    tokens.push(match[1] ?? match[2] ?? match[3]!)
  }
  let next = 0
  const atom = (): number => {
    const t = tokens[next++]
    if (t === '(') {
      const inner = sum()
      if (tokens[next++] !== ')') throw new Error(`"${text}" lacks a parenthesis`)
      return inner
    }
    if (t !== undefined && /^\d/.test(t)) return Number(t)
    if (t === undefined || !Object.hasOwn(values, t)) throw new Error(`"${text}": ${t ?? 'the end'} has no value`)
    return Number(values[t])
  }
  const product = (): number => {
    let value = atom()
    while (tokens[next] === '·' || tokens[next] === '/')
      value = tokens[next++] === '·' ? value * atom() : value / atom()
    return value
  }
  const sum = (): number => {
    let value = product()
    while (tokens[next] === '+' || tokens[next] === '-')
      value = tokens[next++] === '+' ? value + product() : value - product()
    return value
  }
  const result = sum()
  if (next !== tokens.length) throw new Error(`"${text}" goes on after its end`)
  return result
}
