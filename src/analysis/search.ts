/** Searches over whole numbers for where a yes becomes a no: galloping, then bisection. */

/**
 * The largest whole number in [low, high] for which `holds`, where it holds up to some number and not beyond.
 * @returns `undefined` where it does not hold at `low`
 */
export function largestWhere(holds: (n: number) => boolean, low: number, high: number): number | undefined {
  if (!holds(low)) return undefined
  let good = low
  let step = 1
  // gallop first: the answer is usually far below `high`, and large values cost no more but may not be countable
  while (good < high) {
    const next = Math.min(high, good + step)
    if (!holds(next)) {
      let bad = next
      while (bad - good > 1) {
        const middle = good + Math.floor((bad - good) / 2)
        if (holds(middle)) good = middle
        else bad = middle
      }
      return good
    }
    good = next
    step *= 2
  }
  return good
}

/** The smallest number in (low, high] for which `holds`, where it does not up to some number and does from there. */
export function smallestWhere(holds: (n: number) => boolean, low: number, high: number): number | undefined {
  const last = largestWhere((n) => !holds(n), low, high)
  return last === undefined || last === high ? undefined : last + 1
}
