/** Measures a GPU's ceilings through WebGPU and makes a machine of them. Browser-safe. */
import type {Ceiling, Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {checkPlausible} from '../ceilings.ts'
import type {Sample, SampleSpec} from '../native.ts'
import {runRounds, type Task, throwIfAborted} from '../rounds.ts'
import {judge, summarize} from '../statistics.ts'
import {emptyProbe, type StreamMix, streamBuffers, streamProbe, streamWork} from '../wgsl/probes/stream.ts'
import {type CurvePoint, type FoundLevel, gpuLevels} from './levels.ts'
import {matrixTasks} from './matrix-units.ts'
import {
  type Candidate,
  type ComputeTask,
  computeTasks,
  type Effort,
  effortOf,
  halfIds,
  type Target,
  workgroupCandidates,
} from './plan.ts'
import type {GpuSession, Slice, Step} from './session.ts'
import {transfers} from './transfers.ts'

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

export interface GpuMeasured {
  machine: Machine
  warnings: Warning[]
}

/** Most repetitions of one sample: encoding more takes longer than waiting for them. */
const mostPasses = 4096
/** A trial of a candidate lasts at least this long, s. */
const trialSeconds = 0.0003

/** A probe ready to run. */
interface Ready {
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

/** Shortest repetition whose error by the timer's step stays below 1 %, s. */
export const shortest = (session: GpuSession, wanted: number): number =>
  Math.max(wanted, 100 * session.timer.resolution)

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
class Run {
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
    const largest = this.session.device.limits.maxComputeInvocationsPerWorkgroup
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

  /** Three buffers as large as the plan wants and the adapter gives. */
  async streams(): Promise<{buffers: Record<'a' | 'b' | 'c', GPUBuffer>; largest: number}> {
    const {session, effort} = this
    let size = 2 ** Math.floor(Math.log2(Math.min(effort.largestSet, session.largestBuffer)))
    for (;;) {
      const got: GPUBuffer[] = []
      try {
        for (const name of ['a', 'b', 'c']) got.push(await session.allocate(size, `stream ${name}`))
        const [a, b, c] = got
        await session.fill([a!, b!])
        return {buffers: {a: a!, b: b!, c: c!}, largest: size}
      } catch (error) {
        session.free(got)
        if (!(error instanceof AnalysisError) || error.code !== 'does-not-fit' || size <= 2 ** 20) throw error
        size /= 2
      }
    }
  }
}

/**
 * Measures.
 * @throws AnalysisError `gpu-failed` where the device is lost on the way, `does-not-fit`, `interrupted`
 */
export async function measureGpu(session: GpuSession, options: GpuMeasureOptions): Promise<GpuMeasured> {
  const started = performance.now()
  const run = new Run(session, options)
  const {effort} = run
  const warnings: Warning[] = []
  const date = new Date().toISOString()
  const largestSize = session.device.limits.maxComputeInvocationsPerWorkgroup
  const ready: Ready[] = []
  const skip = (id: string, error: unknown) => {
    if (!(error instanceof AnalysisError) || error.code === 'interrupted' || session.lost !== undefined) throw error
    warnings.push({code: 'ceiling-failed', message: `${id}: ${error.message}; it is left out`})
  }

  const matrix = matrixTasks(session.facts.matrixUnits, session.hasF16, effort, largestSize)
  for (const task of [...computeTasks(effort, session.hasF16, largestSize), ...matrix.tasks])
    try {
      ready.push(await run.search(task.ceiling, task.candidates, task))
    } catch (error) {
      skip(task.ceiling.id, error)
    }
  const noHalf = session.hasF16 ? [] : halfIds.map((id) => ({id, reason: 'the adapter lacks shader-f16'}))
  const absent = [...noHalf, ...matrix.absent]
  const tile: Target = {id: 'workgroup-memory', kind: 'bandwidth', isa: 'workgroup memory', unit: 'B/s'}
  ready.push(await run.search(tile, workgroupCandidates(effort, largestSize)))

  const {curve, levels, streams, unroll} = await measureStreams(run)
  ready.push(...streams)
  const results = run.slice(await session.allocate(16, 'results'))
  const empty = await session.step(emptyProbe, [results])
  const launch: Target = {id: 'launch', kind: 'latency', unit: 's'}
  ready.push({target: launch, label: 'launch', steps: [empty], work: 1, how: 'an empty kernel, many to a submission'})

  const tasks: Task[] = ready.map(({target, label}) => ({
    id: target.id,
    label,
    calibrate: true,
    spec: specOf(target.id),
  }))
  const series = await runRounds(samplerOf(session, new Map(ready.map((r) => [r.target.id, r]))), tasks, {
    ...effort,
    repetitionSeconds: shortest(session, effort.repetitionSeconds),
    onProgress: (done, total, label) => options.onProgress?.(100 + Math.round((300 * done) / total), 400, label),
    signal: options.signal,
  })
  const source = `WGSL probe on ${session.facts.name}`
  const made = (how: string) => ({kind: 'measured' as const, source: `${source}; ${how}`, date})
  const ceilings: Ceiling[] = []
  for (const {target, how} of ready) {
    const ceiling = ceilingFrom(target, series.get(target.id)!.rates, made(`${how}, ${session.timer.kind}`))
    if (ceiling) ceilings.push(ceiling)
    else
      warnings.push({
        code: 'ceiling-failed',
        message: `${target.id}: no repetition took a measurable time; it is left out`,
      })
  }
  for (const {target, rates, how} of await transfers(session, effort, empty)) {
    const ceiling = ceilingFrom(target, rates, made(how))
    if (ceiling) ceilings.push(ceiling)
  }
  if (session.facts.software)
    warnings.push({
      code: 'software-adapter',
      message: `${session.facts.name} runs on the processor: these are no ceilings of a GPU.`,
    })
  const machine: Machine = {
    id: 'local-gpu',
    name: session.facts.name,
    identity: {
      adapter: session.facts,
      timer: session.timer,
      ...(options.os ? {os: options.os} : {}),
      ...(options.tool ? {tool: options.tool} : {}),
      date,
      caches: levels
        .filter(({level}) => level !== 'DRAM')
        .map(({level, reach}) => ({level, claimed: null, found: reach})),
      sweep: curve,
      streamUnroll: unroll,
      search: run.independent,
      absent,
      seconds: (performance.now() - started) / 1000,
    },
    profile: options.quick ? 'quick' : 'full',
    ceilings: withInnerLevel(checkPlausible(ceilings)),
  }
  return {machine, warnings}
}

/** Workgroup memory is the innermost level wherever it is faster than what lies outside of it; on a processor it is not. */
function withInnerLevel(ceilings: readonly Ceiling[]): Ceiling[] {
  const outer = Math.max(0, ...ceilings.filter((c) => c.mix === 'read' && c.level).map(({value}) => value))
  return ceilings.map((c) => (c.id === 'workgroup-memory' && c.value > outer ? {...c, level: 'L1' as const} : c))
}

function ceilingFrom(target: Target, rates: readonly number[], provenance: Ceiling['provenance']): Ceiling | undefined {
  if (target.kind === 'latency') {
    const times = summarize(rates.map((rate) => 1 / rate))
    return times && {...target, value: times.min, provenance, ...times, verdict: 'ok'}
  }
  const summary = summarize(rates)
  return summary && {...target, value: summary.max, provenance, ...summary, ...judge(rates)}
}

/** How a stream is divided. */
interface StreamShape {
  size: number
  unroll: number
  turns: number
}

/** The curve of reads, the levels on it, and every mix at every level, by the best workgroup size and unroll at memory. */
async function measureStreams(
  run: Run,
): Promise<{curve: CurvePoint[]; levels: FoundLevel[]; streams: Ready[]; unroll: number}> {
  const {session, effort} = run
  const {buffers, largest} = await run.streams()
  const prepare = async (mix: StreamMix, bytes: number, {size, unroll, turns}: StreamShape) => {
    const params = {mix, bytes, size, unroll, turns, traffic: Math.max(bytes, effort.traffic)}
    const names = mix === 'read' ? (['a', 'c'] as const) : streamBuffers[mix]
    const step = await session.step(
      streamProbe(params),
      names.map((name) => run.slice(buffers[name], bytes)),
    )
    return {step, work: streamWork(params)}
  }
  const largestSize = session.device.limits.maxComputeInvocationsPerWorkgroup
  const shapes: StreamShape[] = effort.streamSizes
    .filter((size) => size <= largestSize)
    .flatMap((size) =>
      effort.streamUnrolls.flatMap((unroll) => effort.streamTurns.map((turns) => ({size, unroll, turns}))),
    )
  const searched = async (mix: StreamMix, bytes: number) => {
    let best: {step: Step; work: number; shape: StreamShape; rate: number} | undefined
    for (const shape of shapes) {
      if (best && !run.unhurried) break
      run.progress(`${mix} ${bytes / 2 ** 20} MiB`)
      const {step, work} = await prepare(mix, bytes, shape)
      const rate = await trial(session, [step], work)
      if (!best || rate > best.rate) best = {step, work, shape, rate}
    }
    return best!
  }
  const top = await searched('read', largest)
  const curve: CurvePoint[] = []
  for (let bytes = 2 ** 14; bytes <= largest; bytes *= 2 ** effort.octaves) {
    run.progress(`read ${bytes / 1024} KiB`)
    const {step, work} = await prepare('read', bytes, top.shape)
    curve.push({bytes, bytesPerSecond: await trial(session, [step], work)})
  }
  if (curve.at(-1)!.bytes !== largest) curve.push({bytes: largest, bytesPerSecond: top.rate})
  const levels = gpuLevels(curve)
  const streams: Ready[] = []
  for (const {level, at} of levels)
    for (const mix of level === 'L1' ? (['read'] as const) : (['read', 'write', 'copy', 'triad'] as const)) {
      // the sets of one mix lie in as many buffers as it has
      const share =
        level === 'DRAM' ? at : 2 ** Math.floor(Math.log2(Math.max(2 ** 14, at / streamBuffers[mix].length)))
      const {step, work, shape} = await searched(mix, share)
      streams.push({
        target: {id: `${mix}-${level}`, kind: 'bandwidth', mix, level, unit: 'B/s'},
        label: `${mix}-${level}`,
        steps: [step],
        work,
        how: `buffers of ${share} B, workgroups of ${shape.size}, ${shape.unroll} accesses of 16 B in flight, ${shape.turns === 1 ? 'one turn' : `${shape.turns} turns`}; bytes loaded and stored by the program`,
      })
    }
  return {curve, levels, streams, unroll: top.shape.unroll}
}
