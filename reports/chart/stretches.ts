/** Ceilings as straight parts of a log-log chart. */
import type {Frame, RoofLine} from './roofs.ts'

/** How far lines run beyond the frame, so that they do not end while a reader pans. */
const FAR = 1e12

/** A straight part of a roof. */
export interface Stretch {
  readonly intensity: number
  readonly performance: number
  readonly intensity2: number
  readonly performance2: number
}

/** The highest of the peaks and the fastest of the levels that are drawn; not finite where there is none. */
export const extremes = (lines: readonly RoofLine[]): {top: number; fastest: number} => {
  const values = (kind: RoofLine['kind']) => lines.filter((line) => line.kind === kind).map((line) => line.value)
  return {top: Math.max(...values('compute')), fastest: Math.max(...values('bandwidth'))}
}

/** Each line from where it begins to where it ends: a level up to the highest peak, a peak from the fastest level on. */
export function stretchesOf(lines: readonly RoofLine[], frame: Frame): (RoofLine & Stretch)[] {
  const {top, fastest} = extremes(lines)
  return lines.map((line) => {
    const compute = line.kind === 'compute'
    const knee = compute ? line.value / fastest : (Number.isFinite(top) ? top : frame.y[1] * FAR) / line.value
    // without a line of the other kind there is no knee, and the line crosses the whole frame
    const start = compute && Number.isFinite(fastest) ? knee : frame.x[0] / FAR
    const end = compute ? frame.x[1] * FAR : knee
    return {
      ...line,
      intensity: start,
      performance: compute ? line.value : start * line.value,
      intensity2: end,
      performance2: compute ? line.value : end * line.value,
    }
  })
}

/** The frame of two machines side by side. */
export const bothFrames = (a: Frame, b: Frame): Frame => ({
  x: [Math.min(a.x[0], b.x[0]), Math.max(a.x[1], b.x[1])],
  y: [Math.min(a.y[0], b.y[0]), Math.max(a.y[1], b.y[1])],
})
