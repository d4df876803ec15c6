/** The ceiling that remains when the machine is hot: one probe on all threads, without a pause, and its curve over time. */
import type {Ceiling} from '../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../analysis/errors.ts'
import {readIdentity} from './identity.ts'
import {chooseIsas} from './isas.ts'
import {chooseThreads} from './measure-cpu.ts'
import {loadNative} from './native.ts'
import {openBare, sessionWarnings} from './opening.ts'
import {calibrate, throwIfAborted} from './rounds.ts'
import {summarize} from './statistics.ts'

export interface SustainOptions {
  /** length of the run, 1 to 86,400 */
  seconds: number
  threads?: number | undefined
  /** default the widest */
  isa?: string | undefined
  /** seconds so far, seconds in all, and what is being done */
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** One point of the curve: the mean rate over some tenths of a second. */
export interface SustainPoint {
  /** from the start to the end of the point */
  seconds: number
  flopsPerSecond: number
  /** core clock; `null` where it could not be taken */
  clockHz: number | null
}

export interface Sustained {
  curve: SustainPoint[]
  /** the best point: what a cool machine does */
  peak: number
  /** the median of the last third: what remains */
  remains: number
  /** `remains` as a ceiling, id `sustained-fma-f32-<isa>-t<threads>`; `throttled` where it is below 95 % of the peak, `noisy` where there is no third to take it of */
  ceiling: Ceiling
  warnings: Warning[]
}

/** A repetition ends within 20 ms of a cancellation. */
const repetitionSeconds = 0.02
/** Repetitions behind one point: 0.4 s. */
const repetitions = 20
/** A machine that keeps this share of its peak is not throttled. */
const kept = 0.95

/** What a curve amounts to. Pure. */
export function remainsOf(curve: readonly SustainPoint[]): {peak: number; remains: number} {
  const rates = curve.map(({flopsPerSecond}) => flopsPerSecond)
  const tail = rates.slice(-Math.max(1, Math.ceil(rates.length / 3)))
  return {peak: Math.max(0, ...rates), remains: summarize(tail)?.median ?? 0}
}

/** Whether what remains is the machine's. Pure. */
export function judgeCurve(curve: readonly SustainPoint[]): Pick<Ceiling, 'verdict' | 'reason'> {
  if (curve.length < 3) return {verdict: 'noisy', reason: `only ${curve.length} of the 3 points that have a last third`}
  const {peak, remains} = remainsOf(curve)
  const share = remains / peak
  if (share < kept) return {verdict: 'throttled', reason: `${Math.round(share * 100)} % of the peak remain`}
  return {verdict: 'ok'}
}

/**
 * The ceiling beside that of repetitions of 0.4 ms, which fall between the turns of other programs and before anything gets hot: where even
 * the best tenths of a second lie far below, the median of the last third is no property of a hot machine alone. Pure.
 */
export function besideShort(sustained: Pick<Sustained, 'ceiling' | 'peak'>, ceilings: readonly Ceiling[]): Ceiling {
  const {ceiling, peak} = sustained
  const short = ceilings.find(({id}) => `sustained-${id}` === ceiling.id)
  if (ceiling.verdict !== 'ok' || !short || peak >= kept * short.value) return ceiling
  const share = Math.round((peak / short.value) * 100)
  return {
    ...ceiling,
    verdict: 'noisy',
    reason: `its best reached only ${share} % of ${short.id}: other programs had a part of the time, or the machine slowed down at once`,
  }
}

/**
 * Loads every thread with f32 FMA for a time and records the rate and the clock.
 * @throws {AnalysisError} `no-addon`, `bad-flag` (seconds, isa, threads), `does-not-fit`, `interrupted`
 */
export async function measureSustained(options: SustainOptions): Promise<Sustained> {
  const {seconds, signal, onProgress} = options
  if (!(seconds >= 1 && seconds <= 86_400))
    throw new AnalysisError('bad-flag', `--sustain ${seconds} is not between 1 and 86400 seconds`, ['--sustain 60'])
  throwIfAborted(signal)
  const addon = loadNative()
  const identity = readIdentity()
  const {isas, unit} = chooseIsas(addon.cpu().isas, {quick: true, isa: options.isa})
  if (unit)
    throw new AnalysisError('bad-flag', `sustain loads the vector units; isa '${options.isa}' is a unit of its own`, [
      'leave --isa out',
    ])
  const isa = isas.at(-1)!.name
  const threads = chooseThreads(identity, options.threads)
  const {session, info, close} = await openBare(addon, threads, signal)
  try {
    const spec = {
      probe: 'fma-f32',
      isa,
      threads: info.threads,
      bytes: 0,
      roam: false,
      passes: 100,
      repetitions: 1,
      clock: false,
    }
    const sampler = session.sample.bind(session)
    const passes = (await calibrate(sampler, spec, repetitionSeconds, signal))?.passes
    if (passes === undefined)
      throw new AnalysisError('internal', 'the probe took no measurable time: the clock of this machine stands still')
    const curve: SustainPoint[] = []
    const started = performance.now()
    for (let elapsed = 0; elapsed < seconds; ) {
      throwIfAborted(signal)
      const sample = await sampler({...spec, passes, repetitions, clock: true})
      elapsed = (performance.now() - started) / 1000
      const busy = sample.seconds.reduce((a, b) => a + b, 0)
      const clock = Math.max(0, ...sample.clockHz)
      curve.push({
        seconds: elapsed,
        flopsPerSecond: (sample.work * sample.seconds.length) / busy,
        clockHz: clock > 0 ? clock : null,
      })
      onProgress?.(Math.min(elapsed, seconds), seconds, `${(curve.at(-1)!.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`)
    }
    const {peak, remains} = remainsOf(curve)
    const {samples, ...spread} = summarize(curve.map(({flopsPerSecond}) => flopsPerSecond))!
    const ceiling: Ceiling = {
      id: `sustained-fma-f32-${isa}-t${info.threads}`,
      kind: 'compute',
      operation: 'fma',
      dtype: 'f32',
      engine: 'vector',
      isa,
      threads: info.threads,
      value: remains,
      unit: 'FLOP/s',
      provenance: {
        kind: 'measured',
        source: `native probe fma-f32 (${isa}) on ${info.threads} threads for ${Math.round(curve.at(-1)!.seconds)} s; median of the last third`,
        date: new Date().toISOString(),
      },
      clockHz: curve.at(-1)!.clockHz,
      samples,
      ...spread,
      ...judgeCurve(curve),
    }
    return {curve, peak, remains, ceiling, warnings: sessionWarnings(info, threads, process.platform, false)}
  } catch (error) {
    throwIfAborted(signal)
    throw error
  } finally {
    close()
  }
}
