/** Which of a kernel's shaders a GPU runs: the fastest by trial whose results are right. Browser-safe. */
import type {BenchKernel} from '../../analysis/document/bench.ts'
import type {Warning} from '../../analysis/errors.ts'
import {defaultTolerance} from '../families/types.ts'
import type {Part, Program} from '../program.ts'
import type {GpuKernel, GpuPair} from './programs.ts'
import {checkOnGpu, shadersOf, stepsOf, type Variants} from './run.ts'
import {isPassing, trial} from './search.ts'
import type {GpuSession, Slice, Step} from './session.ts'

/** The programs of a kernel or a pair by its dims. */
export type ProgramsOf = (dims: readonly number[]) => readonly Program[]

export interface Ways {
  /** numbers of the shaders that were taken, by kernel; without an entry the first */
  variants: Variants
  /** largest error of what was taken beside the first */
  errors: ReadonlyMap<string, number>
  /** what was tried, by kernel, the fastest first: seconds of the short runs, `taken` one of each */
  tried: readonly NonNullable<BenchKernel['ways']>[number][]
  warnings: Warning[]
}

/**
 * Sizes to check a shader at: the awkward one and that of whole tiles where they have it, else the last of the small sizes that do; none
 * where no small size has it.
 */
function checksOf(
  session: GpuSession,
  def: GpuKernel | GpuPair,
  programsOf: ProgramsOf,
  kernel: string,
  number: number,
): readonly (readonly number[])[] {
  const has = (dims: readonly number[]) =>
    programsOf(dims).some(({parts}) =>
      parts.some(
        (part) =>
          part.kernel === kernel &&
          part.cost.writes.some(({elements}) => elements > 0) &&
          shadersOf(session, part).some((shader) => shader.number === number),
      ),
    )
  const usual = [def.check, ...(def.whole ? [def.whole] : [])].filter(has)
  return usual.length > 0 ? usual : def.cases.filter(has).slice(-1)
}

/** The largest error of a shader of a kernel at `sizes`. */
async function errorOfWay(
  session: GpuSession,
  def: GpuKernel | GpuPair,
  programsOf: ProgramsOf,
  [kernel, number]: readonly [string, number],
  sizes: readonly (readonly number[])[],
): Promise<number> {
  let worst = 0
  for (const program of sizes.flatMap(programsOf))
    if (program.parts.some((part) => part.kernel === kernel))
      worst = Math.max(worst, await checkOnGpu(session, program, def, new Map([[kernel, number]])))
  return worst
}

/**
 * Ways that are tried on a software adapter, which compiles a shader for a second: eight by eight registers a thread, half the time of the
 * default at 512³ and two thirds at 192³ on SwiftShader. Other kernels take the first there, since a processor's choice says nothing of a GPU.
 */
const inSoftware: Readonly<Record<string, number>> = {gemm: 3}

/** The shaders that are tried on this adapter. */
const candidates = (session: GpuSession, part: Part) =>
  shadersOf(session, part).filter(
    ({number}) => !session.facts.software || number === 0 || number === inSoftware[part.kernel],
  )

/** Seconds of work before ways are compared: while the reference was computed and shaders compiled, the GPU's clock may have sunk to a fifth. */
const warm = 0.1
/** Ways that are run a second time, in turn: the first to run had the slower clock, and pages that nobody had touched. */
const again = 3

/** Runs steps until the clock is up; it has none in software. */
async function warmUp(session: GpuSession, steps: readonly Step[]): Promise<void> {
  const from = performance.now()
  while (!session.facts.software && performance.now() - from < 1000 * warm) await session.time(steps, 1)
}

/** Numbers of the shaders that this driver compiles and runs for a part with their rates, the fastest of two short runs each first. */
async function rated(
  session: GpuSession,
  part: Part,
  tensors: Map<string, Slice>,
): Promise<{number: number; rate: number}[]> {
  const rates: {number: number; rate: number; steps: readonly Step[]}[] = []
  for (const {number} of candidates(session, part)) {
    const only = new Map([[part.kernel, number]])
    try {
      const steps = await stepsOf(session, {id: part.kernel, parts: [part]}, tensors, only)
      if (number === 0) await warmUp(session, steps)
      rates.push({number, rate: await trial(session, steps, 1), steps})
    } catch (error) {
      // one that this driver does not compile or run is no candidate; the first, which serves everywhere, must work
      if (number === 0 || session.lost !== undefined || !isPassing(error)) throw error
    }
  }
  const byRate = (a: {rate: number}, b: {rate: number}) => b.rate - a.rate
  if (!session.facts.software)
    for (const one of rates.sort(byRate).slice(0, again))
      one.rate = Math.max(one.rate, await trial(session, one.steps, 1))
  return rates.sort(byRate)
}

/**
 * The fastest of every kernel's shaders over these tensors whose results are right: one that is wrong on this driver gives way to the next,
 * and is said; one that no small size checks is not taken.
 */
export async function chooseWays(
  session: GpuSession,
  def: GpuKernel | GpuPair,
  programsOf: ProgramsOf,
  programs: readonly Program[],
  tensors: Map<string, Slice>,
): Promise<Ways> {
  const variants = new Map<string, number>()
  const errors = new Map<string, number>()
  const warnings: Warning[] = []
  const all: NonNullable<BenchKernel['ways']> = []
  const tried = new Set<string>()
  for (const part of programs.flatMap(({parts}) => parts)) {
    if (tried.has(part.kernel) || candidates(session, part).length < 2) continue
    tried.add(part.kernel)
    const rates = await rated(session, part, tensors)
    for (const {number} of rates) {
      // the first is checked by whoever runs the kernel
      if (number === 0) break
      const sizes = checksOf(session, def, programsOf, part.kernel, number)
      if (sizes.length === 0) continue
      const error = await errorOfWay(session, def, programsOf, [part.kernel, number], sizes)
      if (error <= (def.tolerance ?? defaultTolerance.f32)) {
        variants.set(part.kernel, number)
        errors.set(part.kernel, error)
        break
      }
      warnings.push({
        code: 'way-wrong',
        message: `${part.kernel} in its way ${number} ${
          Number.isFinite(error)
            ? `differs from its reference by ${error.toExponential(1)}`
            : 'writes what it must not, or no number,'
        } on ${session.facts.name}: another is taken`,
      })
    }
    for (const {number, rate} of rates)
      if (rate > 0)
        all.push({
          kernel: part.kernel,
          way: number,
          seconds: 1 / rate,
          taken: number === (variants.get(part.kernel) ?? 0),
        })
  }
  return {variants, errors, tried: all, warnings}
}
