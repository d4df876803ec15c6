/** JSON with the place of its first mistake. `JSON.parse` names a place in some engines, for some mistakes, and quotes a piece otherwise. */

const spaces = /[ \t\n\r]*/y
const words = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** a piece of a string: what needs no escape (no control, quote or backslash), or one escape */
const pieces = /[ !#-[\]-\uffff]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/** Where a match that begins at `at` ends; `at` where there is none. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/** The end of the string that begins at `at`, and whether it is one; else the place of its mistake. */
function pastString(text: string, at: number): [end: number, whole: boolean] {
  if (text[at] !== '"') return [at, false]
  let end = at + 1
  for (let next = past(pieces, text, end); next > end; next = past(pieces, text, end)) end = next
  return text[end] === '"' ? [end + 1, true] : [end, false]
}

/**
 * The index at which a text stops being JSON (RFC 8259), its length where it ends too early; `undefined` where it is JSON.
 * Keeps its own stack: texts may be nested as deep as they are long.
 */
export function mistakeIn(text: string): number | undefined {
  const open: string[] = []
  let at = 0
  let expected: 'value' | 'key' | 'more' = 'value'
  let isFirst = false
  for (;;) {
    at = past(spaces, text, at)
    const sign = text[at]
    const inside = open.at(-1)
    if (expected === 'more') {
      if (inside === undefined) return sign === undefined ? undefined : at
      if (sign === ',') {
        expected = inside === '{' ? 'key' : 'value'
        isFirst = false
      } else if (sign === (inside === '{' ? '}' : ']')) open.pop()
      else return at
      at++
    } else if (isFirst && sign === (inside === '{' ? '}' : ']')) {
      open.pop()
      expected = 'more'
      isFirst = false
      at++
    } else if (expected === 'key') {
      const [end, whole] = pastString(text, at)
      at = whole ? past(spaces, text, end) : end
      if (!whole || text[at] !== ':') return at
      expected = 'value'
      isFirst = false
      at++
    } else if (sign === '{' || sign === '[') {
      open.push(sign)
      expected = sign === '{' ? 'key' : 'value'
      isFirst = true
      at++
    } else {
      const [end, whole] = sign === '"' ? pastString(text, at) : [past(words, text, at), true]
      if (!whole || end === at) return end
      expected = 'more'
      isFirst = false
      at = end
    }
  }
}

/**
 * `JSON.parse`, whose error says where the mistake is.
 * @param refuse makes the error from what is wrong: `mistake at line 2, column 16`, `it breaks off at line 3, column 1`, `it is empty`
 * @throws what `refuse` makes
 */
export function parseJson(text: string, refuse: (wrong: string) => Error): unknown {
  try {
    return JSON.parse(text)
  } catch {
    if (text.trim() === '') throw refuse('it is empty')
    const at = mistakeIn(text) ?? text.length
    const before = text.slice(0, at).split('\n')
    const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`
    throw refuse(at === text.length ? `it breaks off at ${place}` : `mistake at ${place}`)
  }
}
