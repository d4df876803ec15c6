/** Where a rule of compression applies: the start of operator ids, with layers by number. */

/** Leaves what it names as it is, whatever earlier rules say. */
export interface KeepRule {
  readonly where: string
  readonly what: 'none'
}

export const isKeep = (rule: object): rule is KeepRule => 'what' in rule && rule.what === 'none'

/** Layers `from` to `to` (inclusive) of the repeated ones whose ids begin with `run`. */
export interface LayerRange {
  readonly run: string
  readonly from: number
  readonly to: number
}

/** A path with its first number taken apart: `layers.0-3.mlp` → `layers`, 0 to 3, `mlp`. */
interface Numbered extends LayerRange {
  readonly rest: string
}

/** The number or numbers in a path; `null` where it has none. */
export function numberedOf(path: string): Numbered | null {
  const parts = path.split('.')
  const at = parts.findIndex((part, i) => i > 0 && /^\d{1,9}(-\d{1,9})?$/.test(part))
  if (at < 0) return null
  const [from = 0, to = from] = parts[at]!.split('-').map(Number)
  return {run: parts.slice(0, at).join('.'), from, to, rest: parts.slice(at + 1).join('.')}
}

/** Whether an id begins as the place says; `*` stands for any part of it (`*.attn`, `layers.*.down`). */
function begins(where: string, id: string): boolean {
  if (!where.includes('*')) return id.startsWith(where)
  const parts = where.split('*')
  let at = 0
  for (const [i, part] of parts.entries()) {
    const found = i === 0 ? (id.startsWith(part) ? 0 : -1) : id.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return true
}

/** Whether a place names an operator: by the start of its id, with or without the number of its layer. */
export function matches(where: string, id: string): boolean {
  const place = numberedOf(where)
  const own = numberedOf(id)
  if (place && own && place.run === own.run)
    return place.from <= own.from && own.to <= place.to && begins(place.rest, own.rest)
  return begins(where, id) || (own !== null && begins(where, `${own.run}.${own.rest}`))
}

/**
 * The last rule that applies to an operator: later rules override earlier ones, `none` all of them. A rule without a place
 * leaves the LM head alone.
 */
export function ruleFor<R extends {readonly where: string | null}>(
  rules: readonly (R | KeepRule)[],
  id: string,
): R | undefined {
  const rule = rules.findLast(({where}) => (where === null ? id !== 'lm_head' : matches(where, id)))
  return rule === undefined || isKeep(rule) ? undefined : rule
}
