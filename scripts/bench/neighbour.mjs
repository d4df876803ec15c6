/** Which rows of a table were taken beside a neighbour on the core's other hardware thread. Pure functions; the program's own are in src/kernels/issue.ts. */

/** So many rows are named; of more there is a count, since the table has their instructions per cycle. */
const named = 6

/** A row with less than this share of the most instructions per cycle of all rows of as many threads. */
const sharedBelow = 0.9

/**
 * @param {{threads: number, perCycle?: number}[]} all instructions per cycle and thread beside each, medians of the turns; rows of before have none
 * @param {(row: object) => string} nameOf
 * @returns {string} a sentence with the rows, or their number, and what was taken from them, empty where there is none
 */
export function neighbours(all, nameOf) {
  const rows = all.filter(({perCycle}) => perCycle > 0)
  const most = (threads) => Math.max(...rows.filter((row) => row.threads === threads).map(({perCycle}) => perCycle))
  const shared = rows.flatMap((row) => {
    const left = row.perCycle / most(row.threads)
    return left < sharedBelow ? [{name: nameOf(row), taken: Math.round((1 - left) * 100)}] : []
  })
  if (shared.length === 0) return ''
  if (shared.length <= named)
    return `Taken while another hardware thread of the core had a part of its instruction slots: ${shared.map(({name, taken}) => `${name} (${taken} %)`).join(', ')}.`
  const shares = shared.map(({taken}) => taken)
  return `${shared.length} of ${all.length} rows were taken while another hardware thread of the core had ${Math.min(...shares)} to ${Math.max(...shares)} % of its instruction slots: those with less than ${sharedBelow * 100} % of the most instructions per cycle of as many threads.`
}
