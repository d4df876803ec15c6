/** Which rows of a table were taken beside a neighbour on the core's other hardware thread. Pure functions; the program's own are in src/kernels/issue.ts. */

/** A row with less than this share of the most instructions per cycle of all rows of as many threads. */
const sharedBelow = 0.9

/**
 * @param {{threads: number, perCycle?: number}[]} all instructions per cycle and thread beside each, medians of the turns; rows of before have none
 * @param {(row: object) => string} nameOf
 * @returns {string} a sentence with the rows and what was taken from them, empty where there is none
 */
export function neighbours(all, nameOf) {
  const rows = all.filter(({perCycle}) => perCycle > 0)
  const most = (threads) => Math.max(...rows.filter((row) => row.threads === threads).map(({perCycle}) => perCycle))
  const shared = rows.flatMap((row) => {
    const left = row.perCycle / most(row.threads)
    return left < sharedBelow ? [`${nameOf(row)} (${Math.round((1 - left) * 100)} %)`] : []
  })
  return shared.length === 0
    ? ''
    : `Taken while another hardware thread of the core had a part of its instruction slots: ${shared.join(', ')}.`
}
