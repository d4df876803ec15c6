// When two programs that are measured in turn, A B A B, have shown their maxima. Pure functions of the turns' rates.

/** A maximum that another turn came this near to was no accident. */
export const agreement = 0.01

/** Whether the best of the rates was met at least twice. */
export function settled(rates) {
  const [best, second] = [...rates].sort((a, b) => b - a)
  return second !== undefined && second >= best * (1 - agreement)
}

const maximum = (rates) => rates.reduce((a, b) => Math.max(a, b), 0)

/**
 * The turns that may be compared. A host moves virtual CPUs, which doubles what two threads get from DRAM, and halves it; a turn carries the
 * state that the machine was in, and only turns of one state say which program is the better one: of the states in which both had turns,
 * the faster one. Where there is none, all turns count, and nothing is settled.
 * @param turns {side: 'ours' | 'theirs', rate, state}, in order
 */
export function compared(turns) {
  const of = (side, state) => turns.filter((t) => t.side === side && t.state === state).map(({rate}) => rate)
  const shared = [...new Set(turns.map(({state}) => state))]
    .map((state) => ({state, ours: of('ours', state), theirs: of('theirs', state)}))
    .filter(({ours, theirs}) => ours.length > 0 && theirs.length > 0)
    .sort((a, b) => maximum([...b.ours, ...b.theirs]) - maximum([...a.ours, ...a.theirs]))
  if (shared.length > 0) return {...shared[0], common: true}
  const all = (side) => turns.filter((t) => t.side === side).map(({rate}) => rate)
  return {state: null, ours: all('ours'), theirs: all('theirs'), common: false}
}

/** Which sides of a comparison have not met their maximum twice: of `ours` and `theirs`. */
export function unsettled(turns) {
  const {ours, theirs, common} = compared(turns)
  return [...(common && settled(ours) ? [] : ['ours']), ...(common && settled(theirs) ? [] : ['theirs'])]
}

/** Seconds that a table of microseconds with one digit shows as nothing. */
const shown = 1e-7

/**
 * The least of what calls took beyond empty ones of the same turn. These take some microseconds more in one turn than in the next: where a
 * call took no longer than they did nothing was measured, and a time of 0 would be the best of all turns.
 * @returns seconds; `NaN` where nothing was measured in any turn
 */
export function leastTaken(seconds) {
  const taken = seconds.filter((each) => each >= shown)
  return taken.length > 0 ? taken.reduce((a, b) => Math.min(a, b)) : Number.NaN
}
