/** Measures a GPU's ceilings through WebGPU and makes a machine of them. Browser-safe. */
import type {Ceiling, Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {checkPlausible} from '../ceilings.ts'
import {runRounds, type Task} from '../rounds.ts'
import {judge, summarize} from '../statistics.ts'
import {emptyProbe} from '../wgsl/probes/stream.ts'
import {matrixTasks} from './matrix-units.ts'
import {type Candidate, computeTasks, halfIds, type Target, workgroupCandidates} from './plan.ts'
import {type GpuMeasureOptions, isPassing, mostPasses, type Ready, Run, samplerOf, shortest, specOf} from './search.ts'
import type {GpuSession} from './session.ts'
import {measureStreams} from './streams.ts'
import {transfers} from './transfers.ts'

export interface GpuMeasured {
  machine: Machine
  warnings: Warning[]
}

/**
 * Measures.
 * @throws AnalysisError `gpu-failed` where the device is lost on the way, `does-not-fit`, `interrupted`
 */
export const measureGpu = (session: GpuSession, options: GpuMeasureOptions): Promise<GpuMeasured> =>
  session.scoped(() => measured(session, options))

/** Seconds of work before anything is compared: an idle GPU's clock takes some tenths to rise. */
const warm = 0.2

async function warmUp(run: Run, candidate: Candidate): Promise<void> {
  run.progress('warm-up')
  try {
    const {step} = await run.compute(candidate)
    const from = performance.now()
    while (performance.now() - from < 1000 * warm) await run.session.time([step], 8)
  } catch (error) {
    // the search that follows says what is wrong with it
    if (!isPassing(error)) throw error
  }
}

async function measured(session: GpuSession, options: GpuMeasureOptions): Promise<GpuMeasured> {
  const started = performance.now()
  const run = new Run(session, options)
  const {effort} = run
  const warnings: Warning[] = []
  const date = new Date().toISOString()
  const largestSize = session.facts.maxInvocations
  const ready: Ready[] = []
  const skip = (id: string, error: unknown) => {
    if (!(error instanceof AnalysisError) || error.code === 'interrupted' || session.lost !== undefined) throw error
    warnings.push({code: 'ceiling-failed', message: `${id}: ${error.message}; it is left out`})
  }

  const matrix = matrixTasks(session.facts.matrixUnits, session.hasF16, effort, largestSize)
  const tasks = [...computeTasks(effort, session.hasF16, largestSize), ...matrix.tasks]
  if (!session.facts.software) await warmUp(run, tasks[0]!.candidates.at(-1)!)
  for (const task of tasks)
    try {
      ready.push(await run.search(task.ceiling, task.candidates, task))
    } catch (error) {
      skip(task.ceiling.id, error)
    }
  const noHalf = session.hasF16 ? [] : halfIds.map((id) => ({id, reason: 'the adapter lacks shader-f16'}))
  const absent = [...noHalf, ...matrix.absent]
  const tile: Target = {id: 'workgroup-memory', kind: 'bandwidth', isa: 'workgroup memory', unit: 'B/s'}
  ready.push(await run.search(tile, workgroupCandidates(effort, largestSize)))

  const {sweep, levels, streams, unroll} = await measureStreams(run)
  ready.push(...streams)
  const results = run.slice(await session.allocate(16, 'results'))
  const empty = await session.step(emptyProbe, [results])
  const launch: Target = {id: 'launch', kind: 'latency', unit: 's'}
  ready.push({target: launch, label: 'launch', steps: [empty], work: 1, how: 'an empty kernel, many to a submission'})

  const samples: Task[] = ready.map(({target, label}) => ({
    id: target.id,
    label,
    calibrate: true,
    mostPasses,
    spec: specOf(target.id),
  }))
  const series = await runRounds(samplerOf(session, new Map(ready.map((r) => [r.target.id, r]))), samples, {
    ...effort,
    budgetSeconds: Math.min(effort.budgetSeconds, effort.endSeconds - (performance.now() - started) / 1000),
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
  const judged = withInnerLevel(checkPlausible(ceilings))
  for (const {id, verdict, reason} of judged)
    if (verdict === 'implausible') warnings.push({code: 'ceiling-implausible', message: `${id}: ${reason}`})
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
      sweep,
      streamUnroll: unroll,
      search: run.independent,
      absent,
      seconds: (performance.now() - started) / 1000,
    },
    profile: options.quick ? 'quick' : 'full',
    ceilings: judged,
  }
  return {machine, warnings}
}

/** Workgroup memory is the innermost level wherever it is faster than what lies outside of it; on a processor it is not. */
function withInnerLevel(ceilings: readonly Ceiling[]): Ceiling[] {
  const outer = Math.max(0, ...ceilings.filter((c) => c.mix === 'read' && c.level).map(({value}) => value))
  return ceilings.map((c) => (c.id === 'workgroup-memory' && c.value > outer ? {...c, level: 'L1' as const} : c))
}

/** No clock: WebGPU tells none. */
function ceilingFrom(target: Target, rates: readonly number[], provenance: Ceiling['provenance']): Ceiling | undefined {
  if (target.kind === 'latency') {
    const times = summarize(rates.map((rate) => 1 / rate))
    return times && {...target, value: times.min, provenance, clockHz: null, ...times, verdict: 'ok'}
  }
  const summary = summarize(rates)
  return summary && {...target, value: summary.max, provenance, clockHz: null, ...summary, ...judge(rates)}
}
