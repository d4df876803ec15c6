/** What contradicts a roof: one rule for points measured elsewhere, operators under their bounds, kernels and a GPU's. */

/** Above 101 % of a roof a measurement contradicts it; up to there the two agree within rounding. */
export const aboveRoof = 1.01

/**
 * Whether a measurement lies above every roof that it stands under: then a count or the roofs are wrong, whatever else its repetitions
 * say of the machine. One that lies above some of them has found the others low.
 * @param shares of each roof; none where there is none, and nothing is contradicted
 */
export function isImplausible(...shares: readonly (number | null | undefined)[]): boolean {
  const known = shares.filter((share) => typeof share === 'number')
  return known.length > 0 && known.every((share) => share > aboveRoof)
}
