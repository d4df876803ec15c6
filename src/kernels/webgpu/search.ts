/** Searches for the fastest way to run a probe, and the samples that measure it. Browser-safe. */
import {AnalysisError} from '../../analysis/errors.ts'
import type {Sample, SampleSpec} from '../native.ts'
import {throwIfAborted} from '../rounds.ts'
import {type Candidate, type ComputeTask, type Effort, effortOf, type Target} from './plan.ts'
import type {GpuSession, Slice, Step} from './session.ts'

export interface GpuMeasureOptions {
  /** at most 5 s on a discrete GPU; otherwise at most 30 s */
  quick: boolean
  /** what measures, for the identity: name and version */
  tool?: string | undefined
  /** operating system or browser */
  os?: string | undefined
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Most repetitions of one sample: encoding more takes longer than waiting for them. */
export const mostPasses = 4096
/** A trial of a candidate lasts at least this long, s. */
const trialSeconds = 0.0003

/** What leaves out a kernel or a way, not the run: too large for the adapter, or not compiled by its driver. */
export const isPassing = (error: unknown): error is AnalysisError =>
  error instanceof AnalysisError && (error.code === 'does-not-fit' || error.code === 'gpu-failed')

/** A probe ready to run. */
export interface Ready {
  target: Target
  label: string
  steps: Step[]
  work: number
  how: string
}

export const specOf = (probe: string): SampleSpec => ({
  probe,
  isa: '',
  threads: 1,
  bytes: 0,
  roam: false,
  passes: 1,
  repetitions: 1,
  clock: false,
})

/** A sampler over prepared steps, for the measuring protocol that processors use as well. */
export function samplerOf(
  session: GpuSession,
  ready: ReadonlyMap<string, {steps: readonly Step[]; work: number}>,
): (spec: SampleSpec) => Promise<Sample> {
  return async ({probe, passes}) => {
    const {steps, work} = ready.get(probe)!
    const times = Math.min(passes, mostPasses)
    const seconds = await session.time(steps, times)
    return {seconds: Float64Array.of(seconds), clockHz: new Float64Array(0), work: work * times}
  }
}

/** Longest repetition that a coarse timer asks for, s: of a clock of 1 ms a hundred steps are more than a reader waits for twenty ceilings. */
const patience = 0.03

/** Shortest repetition whose error by the timer's step stays below 1 %, or what patience allows, s; what varies by more is judged noisy. */
export const shortest = ({timer}: Pick<GpuSession, 'timer'>, wanted: number): number =>
  Math.max(wanted, Math.min(patience, 100 * timer.resolution))

/** Work per second of a short trial: the better of two. */
export async function trial(session: GpuSession, steps: readonly Step[], work: number): Promise<number> {
  const first = await session.time(steps, 1)
  const least = Math.max(trialSeconds, 4 * session.timer.resolution)
  const times = Math.min(256, Math.max(1, Math.ceil(least / Math.max(first, 1e-6))))
  const second = await session.time(steps, times)
  return Math.max(first > 0 && times === 1 ? work / first : 0, second > 0 ? (work * times) / second : 0)
}

/**
 * A dispatch that is shorter than this is tried with eight times the workgroups: four waves of them over a GPU's cores end in one that is not
 * full, 32 waves lose an eighth of that. s
 */
const shortDispatch = 0.001
const moreWaves = 8

/** The run: what all its parts share. */
export class Run {
  readonly session: GpuSession
  readonly effort: Effort
  readonly options: GpuMeasureOptions
  readonly independent: (Candidate['varied'] & {id: string; value: number})[] = []
  private done = 0
  private readonly started = performance.now()

  constructor(session: GpuSession, options: GpuMeasureOptions) {
    this.session = session
    this.options = options
    this.effort = effortOf(session.facts.software, options.quick)
  }

  /** Says what is being done; searches are about a quarter of the work that the rounds are, and how many there will be is not known before. */
  progress(label: string): void {
    throwIfAborted(this.options.signal)
    this.done++
    this.options.onProgress?.(Math.floor((100 * this.done) / (this.done + 50)), 400, label)
  }

  /** Whether there is time to try another candidate. */
  get unhurried(): boolean {
    return performance.now() - this.started < 1000 * this.effort.searchSeconds
  }

  slice(buffer: GPUBuffer, bytes = buffer.size): Slice {
    return {buffer, offset: 0, bytes}
  }

  /** Buffers of a compute probe: seeds and one result for each workgroup. The work is what its subgroups' real size makes of it. */
  async compute({shader, seeds, work, subgroup}: Candidate): Promise<{step: Step; work: number}> {
    const {session, effort} = this
    const input = await session.allocate(16, 'seeds')
    session.write(input, seeds)
    const results = await session.allocate(4 * (effort.workgroups + 65_536), 'results')
    const step = await session.step(shader, [this.slice(input), this.slice(results)])
    if (!subgroup) return {step, work}
    await session.run([step])
    const values = new Float32Array(await session.read(results, 4 * (subgroup.at + 1)))
    const threads = values[subgroup.at]!
    if (!(threads >= 1 && threads <= subgroup.assumed))
      throw new AnalysisError('gpu-failed', `WebGPU: a subgroup of ${threads} threads of at most ${subgroup.assumed}`, [
        'update the driver',
      ])
    const wrong = values.findIndex((value, i) => i < subgroup.at && value !== subgroup.wanted(i))
    if (wrong >= 0)
      throw new AnalysisError(
        'gpu-failed',
        `WebGPU: element ${wrong} of a subgroup matrix is ${values[wrong]}, not ${subgroup.wanted(wrong)}`,
        ['update the driver'],
      )
    return {step, work: (work * subgroup.assumed) / threads}
  }

  /** The best of candidates, of their sizes, and of a longer loop. */
  async search(
    target: Target,
    candidates: readonly Candidate[],
    {resized, longer}: Partial<Pick<ComputeTask, 'resized' | 'longer'>> = {},
  ): Promise<Ready> {
    let best: {candidate: Candidate; step: Step; work: number; value: number} | undefined
    const attempt = async (candidate: Candidate) => {
      this.progress(target.id)
      const {step, work} = await this.compute(candidate)
      const value = await trial(this.session, [step], work)
      this.independent.push({id: target.id, ...candidate.varied, value})
      if (!best || value > best.value) best = {candidate, step, work, value}
    }
    // in a hurry the last ones: most chains, the largest workgroups
    for (const [i, candidate] of candidates.entries())
      if (this.unhurried || i === candidates.length - 1) await attempt(candidate)
    const {candidate: top} = best!
    const largest = this.session.facts.maxInvocations
    if (resized) {
      for (const size of this.effort.sizes)
        if (size !== top.varied.size && size <= largest && this.unhurried)
          await attempt(resized(top, size, top.varied.workgroups))
      const long = this.unhurried ? longer?.(best!.candidate) : undefined
      if (long) await attempt(long)
      const {candidate: widest, work, value} = best!
      if (this.unhurried && !this.session.facts.software && work / value < shortDispatch)
        await attempt(resized(widest, widest.varied.size, moreWaves * widest.varied.workgroups))
    }
    const {candidate, step, work} = best!
    const {chains, size, workgroups, unroll} = candidate.varied
    const steps = unroll === undefined ? '' : `, ${unroll} steps a loop`
    return {
      target,
      label: target.id,
      steps: [step],
      work,
      how: `${chains} independent ${chains === 1 ? 'chain' : 'chains'}${steps}, ${workgroups} workgroups of ${size}`,
    }
  }
}
