/// <reference types="@webgpu/types" />
/** Bandwidth of storage buffers over working sets: the cache levels of a GPU and its memory. Browser-safe. */
import {AnalysisError} from '../../analysis/errors.ts'
import {type StreamMix, streamBuffers, streamProbe, streamWork} from '../wgsl/probes/stream.ts'
import {type CurvePoint, type FoundLevel, gpuLevels} from './levels.ts'
import {type Ready, type Run, trial} from './search.ts'
import type {Step} from './session.ts'

/** How a stream is divided. */
interface StreamShape {
  size: number
  unroll: number
  turns: number
}

/** One working set, all buffers of its mix together. */
export interface SweepPoint extends CurvePoint {
  mix: StreamMix
}

/** Reads of sets beyond the streams' own, up to the largest buffer that the adapter gives; none where its memory is too small for it. */
async function readsBeyond(run: Run, reached: number, shape: StreamShape): Promise<SweepPoint[]> {
  const {session} = run
  const largest = session.facts.software ? 0 : 2 ** Math.floor(Math.log2(session.largestBuffer))
  if (largest <= reached) return []
  let buffer: GPUBuffer | undefined
  try {
    buffer = await session.allocate(largest, 'the largest buffer')
    await session.fill([buffer])
    const result = await session.allocate(16, 'result')
    const points: SweepPoint[] = []
    for (let bytes = 2 * reached; bytes <= largest; bytes *= 2) {
      run.progress(`read ${bytes / 2 ** 20} MiB`)
      const params = {mix: 'read' as const, ...shape, traffic: bytes}
      const step = await session.step(streamProbe(params), [run.slice(buffer, bytes), run.slice(result)])
      points.push({mix: 'read', bytes, bytesPerSecond: await trial(session, [step], streamWork(params))})
    }
    return points
  } catch (error) {
    if (!(error instanceof AnalysisError) || error.code !== 'does-not-fit') throw error
    return []
  } finally {
    if (buffer) session.free([buffer])
  }
}

/** Three buffers as large as the plan wants and the adapter gives. */
async function allocateStreams(run: Run): Promise<{buffers: Record<'a' | 'b' | 'c', GPUBuffer>; largest: number}> {
  const {session, effort} = run
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

/** Seconds that a dispatch of memory's rate lasts, about: what lies between two of them, some 5 µs, is a share of it, and of a cache's rate a larger one. */
const longDispatch = 0.002
/** B: threads count 16 B in 32 bits. */
const mostTraffic = 2 ** 34

/** Least traffic of a dispatch where memory reads at `rate`; no less than the plan's. */
const trafficAt = (rate: number, least: number): number =>
  Math.max(least, Math.min(mostTraffic, 2 ** Math.floor(Math.log2(Math.max(1, rate * longDispatch)))))

/**
 * The curve of reads and the levels on it, every mix at every level, each by the best workgroup size, accesses in flight and turns; then the
 * curves of the other mixes.
 */
export async function measureStreams(
  run: Run,
): Promise<{sweep: SweepPoint[]; levels: FoundLevel[]; streams: Ready[]; unroll: number}> {
  const {session, effort} = run
  const {buffers, largest} = await allocateStreams(run)
  let {traffic} = effort
  const prepare = async (mix: StreamMix, bytes: number, {size, unroll, turns}: StreamShape) => {
    const params = {mix, size, unroll, turns, traffic: Math.max(bytes, traffic)}
    const names = mix === 'read' ? (['a', 'c'] as const) : streamBuffers[mix]
    const step = await session.step(
      streamProbe(params),
      names.map((name) => run.slice(buffers[name], bytes)),
    )
    return {step, work: streamWork(params)}
  }
  const largestSize = session.facts.maxInvocations
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
  if (!session.facts.software) traffic = trafficAt(top.rate, traffic)
  const curve: CurvePoint[] = []
  for (let bytes = 2 ** 14; bytes <= largest; bytes *= 2 ** effort.octaves) {
    run.progress(`read ${bytes / 1024} KiB`)
    const {step, work} = await prepare('read', bytes, top.shape)
    curve.push({bytes, bytesPerSecond: await trial(session, [step], work)})
  }
  if (curve.at(-1)!.bytes !== largest) curve.push({bytes: largest, bytesPerSecond: top.rate})
  const sweep: SweepPoint[] = curve.map((point) => ({mix: 'read', ...point}))
  const levels = gpuLevels(curve)
  const shapesAtMemory = new Map<StreamMix, StreamShape>()
  const streams: Ready[] = []
  for (const {level, at} of levels)
    for (const mix of level === 'L1' ? (['read'] as const) : (['read', 'write', 'copy', 'triad'] as const)) {
      // the sets of one mix lie in as many buffers as it has
      const share =
        level === 'DRAM' ? at : 2 ** Math.floor(Math.log2(Math.max(2 ** 14, at / streamBuffers[mix].length)))
      const {step, work, shape} = await searched(mix, share)
      if (level === 'DRAM') shapesAtMemory.set(mix, shape)
      streams.push({
        target: {id: `${mix}-${level}`, kind: 'bandwidth', mix, level, unit: 'B/s'},
        label: `${mix}-${level}`,
        steps: [step],
        work,
        how: `buffers of ${share} B, workgroups of ${shape.size}, ${shape.unroll} accesses of 16 B in flight, ${shape.turns === 1 ? 'one turn' : `${shape.turns} turns`}, ${Math.max(share, traffic) / 2 ** 20} MiB of each in a dispatch; bytes loaded and stored by the program`,
      })
    }
  if (effort.allSweeps) {
    for (const mix of ['write', 'copy', 'triad'] as const)
      for (let bytes = 2 ** 14; bytes <= largest; bytes *= 2 ** effort.octaves) {
        run.progress(`${mix} ${bytes / 1024} KiB`)
        const {step, work} = await prepare(mix, bytes, shapesAtMemory.get(mix) ?? top.shape)
        const bytesPerSecond = await trial(session, [step], work)
        sweep.push({mix, bytes: bytes * streamBuffers[mix].length, bytesPerSecond})
      }
    sweep.push(...(await readsBeyond(run, largest, top.shape)))
  }
  return {sweep, levels, streams, unroll: top.shape.unroll}
}
