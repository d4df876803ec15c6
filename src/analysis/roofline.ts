/** Ceilings of a machine, chosen once, and where a cost lands under them. */
import type {Ceiling, Machine} from './document/machine.ts'
import {type ComputeDType, wider} from './dtype.ts'
import {AnalysisError, type Warning} from './errors.ts'
import {isRows, type Mix, mixOf} from './mix.ts'
import type {Bytes, BytesPerSecond, FlopsPerSecond, Seconds} from './units.ts'

export type Level = NonNullable<Ceiling['level']>

/** A ceiling with one of these verdicts is no limit of the machine. */
const unusable: ReadonlySet<string> = new Set(['implausible', 'wrong', 'failed', 'skipped'])

/** Outermost first: the binding level of equal times is the outer one. */
const levelOrder: readonly Level[] = ['DRAM', 'L3', 'L2', 'L1']

export interface ComputeRoof {
  readonly ceiling: Ceiling
  readonly rate: FlopsPerSecond
  /** the type that the arithmetic runs in, which may be wider than the data's */
  readonly dtype: ComputeDType
}

export interface LevelRoof {
  readonly level: Level
  /** of reading, where mixes are kept apart */
  readonly ceiling: Ceiling
  readonly rate: BytesPerSecond
  /** the highest ceiling of each mix, where more than reading was measured; else `null` */
  readonly mixes: ReadonlyMap<Mix, Ceiling> | null
  /** bytes that everything further inside holds at most, all cores together; `null` where a size is not known */
  readonly inside: Bytes | null
}

/** Most bytes of the registers of one core: 32 of 64 B, and the eight 1 KiB tiles of AMX (Intel SDM volume 1, ch. 18). */
const REGISTERS = 32 * 64 + 8 * 1024

/** Bytes that the registers and caches of a CPU inside of `level` hold, all cores together; `null` where one is not known. */
function heldInside({identity}: Machine, level: Level): Bytes | null {
  const {cores, caches} = identity
  if (cores === undefined || caches === undefined) return null
  let bytes = cores * REGISTERS
  for (const inner of levelOrder.slice(levelOrder.indexOf(level) + 1)) {
    const cache = caches.find((c) => c.level === inner)
    const size = cache?.claimed ?? cache?.found
    // no L3 is no unknown
    if (inner === 'L3' && !cache) continue
    if (!cache || !size) return null
    const sharedBy = typeof cache.sharedBy === 'number' ? cache.sharedBy : 1
    bytes += size * Math.max(1, Math.ceil(cores / sharedBy))
  }
  return bytes
}

/**
 * Least seconds of a level for an operator that reads and writes so many bytes, and the ceiling that says so. A lower bound of time must hold for
 * the fastest way to do it, so updating in place and stores around the caches count wherever there is something to write. But what is read comes
 * no faster than where nothing is written: memory that moves both ways at once updates 61 GB/s where it reads 34 (Emerald Rapids, two threads),
 * and weights are read.
 */
export function trafficTime({ceiling, mixes}: LevelRoof, reads: Bytes, writes: Bytes): {seconds: Seconds; id: string} {
  if (mixes === null || writes === 0) return {seconds: (reads + writes) / ceiling.value, id: ceiling.id}
  let top: Ceiling | undefined
  const moved = mixOf(reads, writes, {inPlace: true, has: (m) => mixes.has(m)})
  for (const mix of moved.flatMap((part) => part.mixes)) {
    const found = mixes.get(mix)
    if (found && (!top || found.value > top.value)) top = found
  }
  const around = reads === 0 ? mixes.get('nt-write') : undefined
  if (around && (!top || around.value > top.value)) top = around
  const {value, id} = top ?? ceiling
  const seconds = (reads + writes) / value
  const read = reads > writes ? mixes.get('read') : undefined
  return read && reads / read.value > seconds ? {seconds: reads / read.value, id: read.id} : {seconds, id}
}

/** What placement asks of a machine. */
export interface Roof {
  readonly machine: Machine
  readonly levels: readonly LevelRoof[]
  /** seconds that starting one operator takes; `null` where nobody states it */
  readonly launch: {readonly seconds: Seconds; readonly id: string} | null
  compute(engine: 'matrix' | 'vector', dtype: ComputeDType): ComputeRoof
  /** the fastest of exp, tanh and erf where they were measured: no transcendental is faster */
  readonly special: {readonly ceiling: Ceiling; readonly rate: number} | null
  /** the ceiling of products whose weights have 2:4 sparsity; `null` where the machine states none */
  sparse(dtype: ComputeDType): ComputeRoof | null
  /** compulsory bytes by level: what must come from the outermost passes every level inward */
  atEachLevel(bytes: Bytes): Record<string, Bytes>
  /** remarks on types that had to be replaced, each once */
  readonly warnings: readonly Warning[]
}

const best = (ceilings: readonly Ceiling[]): Ceiling | undefined =>
  ceilings.reduce<Ceiling | undefined>((top, c) => (top && top.value >= c.value ? top : c), undefined)

/**
 * Chooses the ceilings of a machine: the highest of each type and level (all threads, widest instructions).
 * Where a tensor engine's rate depends on its accumulator, the f32 accumulator counts, as frameworks use it.
 * @param launchOverhead seconds per operator; overrides the machine's own
 * @throws AnalysisError `bad-flag` for a launch overhead outside 0 to 1 s
 */
export function prepareRoof(machine: Machine, launchOverhead?: Seconds): Roof {
  if (launchOverhead !== undefined && !(launchOverhead >= 0 && launchOverhead < 1)) {
    throw new AnalysisError('bad-flag', `--launch-overhead ${launchOverhead} s is not a time from 0 to 1 s`, [
      'give the time one operator takes to start, for example --launch-overhead 5us',
    ])
  }
  const working = machine.ceilings.filter((c) => !c.verdict || !unusable.has(c.verdict))
  // a sparse peak is a ceiling of its own
  const usable = working.filter((c) => c.sparsity === undefined)
  // one add or multiply per cycle counts where a machine has no fused multiply-add (a TPU's vector unit)
  const isFused = (c: Ceiling) => c.operation === undefined || c.operation === 'fma' || c.operation === 'dot'
  const arithmetic = usable.filter(
    (c) =>
      c.kind === 'compute' && c.accumulate !== 'f16' && (isFused(c) || c.operation === 'add' || c.operation === 'mul'),
  )
  const levels: LevelRoof[] = []
  for (const level of levelOrder) {
    const here = usable.filter((c) => c.kind === 'bandwidth' && c.level === level && !isRows(c))
    const ceiling = best(here.filter((c) => c.mix === 'read' || c.mix === undefined)) ?? best(here)
    if (!ceiling) continue
    const mixes = new Map<Mix, Ceiling>()
    for (const c of here) if (c.mix && c.value > (mixes.get(c.mix)?.value ?? 0)) mixes.set(c.mix, c)
    const inside = heldInside(machine, level)
    levels.push({level, ceiling, rate: ceiling.value, mixes: mixes.size > 1 ? mixes : null, inside})
  }
  const transcendental = best(
    usable.filter(
      (c) => c.kind === 'compute' && (c.operation === 'exp' || c.operation === 'tanh' || c.operation === 'erf'),
    ),
  )
  const latency = usable.find((c) => c.kind === 'latency' && c.id === 'launch')
  const launch =
    launchOverhead !== undefined
      ? {seconds: launchOverhead, id: 'latency'}
      : latency
        ? {seconds: latency.value, id: 'latency'}
        : null

  const warnings: Warning[] = []
  const chosen = {matrix: new Map<ComputeDType, ComputeRoof>(), vector: new Map<ComputeDType, ComputeRoof>()}
  const at = (engine: 'matrix' | 'vector', dtype: ComputeDType) => {
    const fitting = arithmetic.filter((c) => c.dtype === dtype && (engine === 'matrix' || c.engine !== 'matrix'))
    return best(fitting.filter(isFused)) ?? best(fitting)
  }
  const choose = (engine: 'matrix' | 'vector', dtype: ComputeDType): ComputeRoof => {
    const own = at(engine, dtype)
    if (own) return {ceiling: own, rate: own.value, dtype}
    for (const next of wider[dtype]) {
      const found = at(engine, next)
      if (!found) continue
      // frameworks compute elementwise work of narrow types in f32 anyway: no remark for that
      if (engine === 'matrix') {
        warnings.push({
          code: 'computes-wider',
          message: `${machine.id} has no ${dtype} ceiling: products of ${dtype} compute at ${next} (${found.id}), their bytes stay`,
        })
      }
      return {ceiling: found, rate: found.value, dtype: next}
    }
    const any = best(arithmetic)
    if (!any) throw new Error(`machine ${machine.id} has no compute ceiling`)
    warnings.push({
      code: 'no-ceiling',
      message: `${machine.id} states no ${engine} rate for ${dtype} or wider: its highest rate (${any.id}) stands in, so these times are optimistic`,
    })
    return {ceiling: any, rate: any.value, dtype: (any.dtype as ComputeDType | undefined) ?? dtype}
  }
  return {
    machine,
    levels,
    launch,
    special: transcendental ? {ceiling: transcendental, rate: transcendental.value} : null,
    warnings,
    compute(engine, dtype) {
      const known = chosen[engine]
      let roof = known.get(dtype)
      if (!roof) {
        roof = choose(engine, dtype)
        known.set(dtype, roof)
      }
      return roof
    },
    sparse(dtype) {
      const ceiling = best(working.filter((c) => c.sparsity !== undefined && c.dtype === dtype))
      return ceiling ? {ceiling, rate: ceiling.value, dtype} : null
    },
    atEachLevel(bytes) {
      const out: Record<string, Bytes> = {}
      for (let i = 0; i < levels.length; i++) out[levels[i]!.level] = bytes
      return out
    },
  }
}

/** Highest FLOP/s at an intensity under one compute and one bandwidth ceiling: min(peak, intensity × bandwidth). */
export const attainable = (intensity: number, peak: FlopsPerSecond, bandwidth: BytesPerSecond): FlopsPerSecond =>
  Math.min(peak, intensity * bandwidth)

/** Intensity at which compute takes over from a bandwidth: peak ÷ bandwidth, FLOP/B. Williams et al. 2009. */
export const ridgePoint = (peak: FlopsPerSecond, bandwidth: BytesPerSecond): number => peak / bandwidth
