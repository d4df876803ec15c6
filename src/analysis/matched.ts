/** Operators of two analyses that are the same work: by id, and where a side fuses, by what its kernels are made of. */

/** What decides whether operators are the same work. */
export interface Parted {
  readonly id: string
  /** ids of the operators that a kernel was made of; empty: it is one of them */
  readonly fusedFrom: readonly string[]
}

/** Operators that share parts, directly or by way of others. One side is empty where the other document has none of them. */
export interface Group<O extends Parted> {
  readonly before: readonly O[]
  readonly after: readonly O[]
  /** parts that only one side has */
  readonly onlyBefore: readonly string[]
  readonly onlyAfter: readonly string[]
}

/** Ids of the operators that this one does the work of. */
export const partsOf = ({id, fusedFrom}: Parted): readonly string[] => (fusedFrom.length > 0 ? fusedFrom : [id])

const ownersOf = <O extends Parted>(operators: readonly O[]): Map<string, O> =>
  new Map(operators.flatMap((op) => partsOf(op).map((part) => [part, op] as const)))

/** Every operator of both sides in one group, in the order of the first document and then of the second. */
export function groupOperators<O extends Parted>(before: readonly O[], after: readonly O[]): Group<O>[] {
  const [earlier, later] = [ownersOf(before), ownersOf(after)]
  const done = new Set<O>()
  return [...before, ...after].flatMap((start) => {
    if (done.has(start)) return []
    const group = new Set([start])
    // a set that grows while it is walked: whatever shares a part with a member is one
    for (const op of group)
      for (const part of partsOf(op))
        for (const owner of [earlier.get(part), later.get(part)]) if (owner) group.add(owner)
    for (const op of group) done.add(op)
    const all = [...group].flatMap(partsOf)
    const lack = (owners: ReadonlyMap<string, O>) => [...new Set(all.filter((part) => !owners.has(part)))]
    return [
      {
        before: before.filter((op) => group.has(op)),
        after: after.filter((op) => group.has(op)),
        onlyBefore: lack(later),
        onlyAfter: lack(earlier),
      },
    ]
  })
}
