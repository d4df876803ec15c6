/** Ticks of logarithmic axes. A spec that uses `ticks` has the signals `decades` and `fineDecades`. */

export const decades = Array.from({length: 34}, (_, i) => 10 ** (i - 12))
export const fineDecades = decades.flatMap((d) => [d, 2 * d, 5 * d])

/** Whole decades while more than 1.5 of them show, then 1-2-5. */
export const ticks = (scale: 'x' | 'y') => ({
  expr: `log(domain('${scale}')[1] / domain('${scale}')[0]) / LN10 > 1.5 ? decades : fineDecades`,
})

/** A number with an SI prefix from 1,000 up, plain below. */
export const si = "datum.value >= 1000 ? format(datum.value, '~s') : format(datum.value, '~r')"

/** Seconds with the unit that fits, as everywhere else on the page: `2 s`, `200 ms`, `1,000 s`. */
export const seconds =
  "datum.value === 0 ? '0' : datum.value >= 1 ? format(datum.value, ',~r') + ' s' : datum.value >= 1e-3 ? format(datum.value * 1e3, '~r') + ' ms' : datum.value >= 1e-6 ? format(datum.value * 1e6, '~r') + ' µs' : format(datum.value * 1e9, '~r') + ' ns'"

/** Parameters that `ticks` reads. */
export const tickParams = [
  {name: 'decades', value: decades},
  {name: 'fineDecades', value: fineDecades},
] as const

/** A title above the axis, where it does not have to be read sideways. */
export const titleAbove = {titleAngle: 0, titleAlign: 'left', titleAnchor: 'end', titleX: -8, titleY: -10} as const

/** Whole decades around positive values; with `fine`, the nearest of 1-2-5. */
export function around(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const below = fineDecades.findLast((tick) => tick <= low * 0.95) ?? low
  const above = fineDecades.find((tick) => tick >= high * 1.05) ?? high
  return [below, above]
}
