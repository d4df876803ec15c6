/** What every format of measured points shares: the point, the limits, and how a mistake is said. */
import {AnalysisError, type Warning} from '../../errors.ts'

/** Figures that a file may leave out because an analysis has them: `null`. */
export interface Point {
  readonly name: string
  /** FLOP */
  readonly flops: number | null
  /** B at the level they are placed against */
  readonly bytes: number | null
  /** s */
  readonly seconds: number
  /** launches or calls that the figures are the mean of, where the file says how many */
  readonly count?: number
}

/** Points and what has to be said about them. */
export interface Points {
  readonly points: Point[]
  readonly warnings: Warning[]
}

export interface PointOptions {
  /** memory level whose bytes are wanted from a profiler that counts several */
  readonly level?: 'L1' | 'L2' | 'L3' | 'DRAM' | undefined
  /** an analysis supplies FLOPs and bytes: a CSV or JSON need not */
  readonly joined?: boolean | undefined
}

/** A foreign format of measurements. */
export interface PointFormat {
  readonly id: string
  readonly title: string
  /** whether the text is of this format: its name is never asked */
  sniff(text: string): boolean
  /** @throws AnalysisError `bad-points` */
  parse(text: string, origin: string, options: PointOptions): Points
}

export const limits = {characters: 128 * 2 ** 20, points: 10_000, name: 200}

/** @throws AnalysisError `bad-points` always */
export function fail(where: string, problem: string, suggestions: readonly string[]): never {
  throw new AnalysisError('bad-points', `${where}: ${problem}`, suggestions)
}

/** A profiler's name for a kernel or region: on one line, no control characters, at most 200 characters. */
export function tidyName(name: string, unnamed: string): string {
  const start = name.slice(0, 4 * limits.name)
  // control characters would reach the terminal
  const line = Array.from(start, (c) => (c < ' ' || (c >= '\u007f' && c <= '\u009f') ? ' ' : c))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
  if (line === '') return unnamed
  return line.length > limits.name || name.length > 4 * limits.name ? `${line.slice(0, limits.name - 1)}…` : line
}

/** The same names told apart: the second `gemm` becomes `gemm #2`. */
export function distinct(points: readonly Point[]): Point[] {
  const seen = new Map<string, number>()
  return points.map((point) => {
    const times = (seen.get(point.name) ?? 0) + 1
    seen.set(point.name, times)
    return times === 1 ? point : {...point, name: `${point.name} #${times}`}
  })
}
