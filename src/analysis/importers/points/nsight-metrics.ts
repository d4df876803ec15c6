/** Which figures of Nsight Compute make up the FLOPs, bytes and seconds of a launch. Pure functions. */
import type {PointOptions} from './shared.ts'

/** Metrics of one launch by name, in base units: FLOP instructions, B, s, 1/s. */
export type Metrics = ReadonlyMap<string, number>

/**
 * FLOP behind one executed thread instruction. A fused multiply-add is 2. Half instructions work on pairs (HADD2, HMUL2, HFMA2), and the
 * counter counts the instruction: NVIDIA's own roofline sections weigh them 2, 2 and 4
 * (`derived__smsp__sass_thread_inst_executed_op_hfma_pred_on_x4` in SpeedOfLight_HierarchicalHalfRooflineChart.section). A program that
 * fills one half of each pair does up to half of that: such counts are an upper bound.
 */
const flopsOf = {fadd: 1, fmul: 1, ffma: 2, dadd: 1, dmul: 1, dfma: 2, hadd: 2, hmul: 2, hfma: 4} as const
type Op = keyof typeof flopsOf

const families = {
  f32: ['fadd', 'fmul', 'ffma'],
  f64: ['dadd', 'dmul', 'dfma'],
  f16: ['hadd', 'hmul', 'hfma'],
} as const satisfies Record<string, readonly Op[]>
export type Family = keyof typeof families

const instruction = (op: Op): string => `sm__sass_thread_inst_executed_op_${op}_pred_on.sum`
export const durations = ['gpu__time_duration.sum', 'gpu__time_duration.avg', 'Duration'] as const

const bytesOf = {
  DRAM: [
    ['dram__bytes.sum'],
    ['dram__bytes_read.sum', 'dram__bytes_write.sum'],
    ['dram__bytes_op_read.sum', 'dram__bytes_op_write.sum'],
  ],
  L2: [['lts__t_bytes.sum'], ['lts__t_sectors.sum']],
  L1: [['l1tex__t_bytes.sum'], ['l1tex__t_sectors.sum']],
} as const
/** bytes of a sector of L1 and L2 (Nsight Compute documentation, Memory Tables) */
const SECTOR = 32

/** What to ask ncu for, so that nothing is missing. */
export const wantedMetrics = [
  'gpu__time_duration.sum',
  'dram__bytes.sum',
  ...Object.values(families).flat().map(instruction),
] as const

const kept =
  /^(gpu__time_duration\.(sum|avg)|Duration|(dram__bytes|lts__t_|l1tex__t_)[a-z_]*\.sum(\.per_second)?|sm(sp)?__cycles_elapsed\.avg(\.per_second)?|sm(sp)?__sass_thread_inst_executed_op_[dfh](add|mul|fma)_pred_on\.sum(\.per_cycle_elapsed)?|derived__smsp__sass_thread_inst_executed_op_[dfh](add|mul|fma)_pred_on_x[24]|sm__ops_path_tensor_src_[a-z0-9_]+\.sum(\.per_cycle_elapsed)?|sm__inst_executed_pipe_tensor[a-z0-9_]*\.sum)$/
/** Whether a metric has a part in any of the figures. */
export const isWanted = (name: string): boolean => kept.test(name)

/** Cycles of a launch, for metrics that `--set roofline` and `--set full` give per cycle. */
function cyclesOf(metrics: Metrics, seconds: number): number | undefined {
  for (const unit of ['smsp', 'sm']) {
    const cycles = metrics.get(`${unit}__cycles_elapsed.avg`)
    if (cycles !== undefined) return cycles
    const rate = metrics.get(`${unit}__cycles_elapsed.avg.per_second`)
    if (rate !== undefined) return rate * seconds
  }
  return undefined
}

/** A count, or what it comes to from its mean per cycle. */
function countOf(metrics: Metrics, names: readonly string[], cycles: number | undefined): number | undefined {
  for (const name of names) {
    const whole = metrics.get(name)
    if (whole !== undefined) return whole
    const each = metrics.get(`${name}.per_cycle_elapsed`)
    if (each !== undefined && cycles !== undefined) return each * cycles
  }
  return undefined
}

function flopsOfOp(metrics: Metrics, op: Op, cycles: number | undefined): number | undefined {
  const count = countOf(metrics, [instruction(op), instruction(op).replace('sm__', 'smsp__')], cycles)
  if (count !== undefined) return count * flopsOf[op]
  // already weighed, per cycle
  const derived = metrics.get(`derived__smsp__sass_thread_inst_executed_op_${op}_pred_on_x${flopsOf[op]}`)
  return derived !== undefined && cycles !== undefined ? derived * cycles : undefined
}

/**
 * Operations of the tensor cores, 2 per multiply-accumulate. A path is counted once: by its own total where there is one, else by what it
 * is split into (destination types; sparsity on and off).
 */
function tensorOf(metrics: Metrics, cycles: number | undefined): number | undefined {
  const counts = new Map<string, number>()
  for (const name of metrics.keys()) {
    const path = /^(sm__ops_path_tensor_src_[a-z0-9_]+)\.sum/.exec(name)?.[1]
    const count = path === undefined ? undefined : countOf(metrics, [`${path}.sum`], cycles)
    if (path !== undefined && count !== undefined) counts.set(path, count)
  }
  const covered = (path: string) =>
    [...counts.keys()].some((other) => path.startsWith(`${other}_dst_`) || path.startsWith(`${other}_sparsity_`))
  const own = [...counts].filter(([path]) => !covered(path))
  return own.length > 0 ? own.reduce((sum, [, count]) => sum + count, 0) : undefined
}

/** Figures of one launch; where one cannot be made, the metrics it lacks. */
export interface Launch {
  readonly flops: number | null
  readonly bytes: number | null
  readonly seconds: number | null
  readonly missing: readonly string[]
  /** instruction families that were not collected, and so count nothing */
  readonly uncounted: readonly Family[]
  /** FLOPs of half instructions are among the FLOPs */
  readonly half: boolean
  /** tensor cores worked, and no metric says how much */
  readonly tensorUncounted: boolean
}

export function launchOf(metrics: Metrics, level: PointOptions['level']): Launch {
  const missing: string[] = []
  const seconds = durations.flatMap((name) => metrics.get(name) ?? [])[0] ?? null
  if (seconds === null) missing.push(durations[0])

  const cycles = seconds === null ? undefined : cyclesOf(metrics, seconds)
  const tensor = tensorOf(metrics, cycles)
  let flops = tensor ?? 0
  let half = false
  const uncounted: Family[] = []
  const partly: string[] = []
  for (const [family, ops] of Object.entries(families) as [Family, readonly Op[]][]) {
    const counts = ops.map((op) => flopsOfOp(metrics, op, cycles))
    if (counts.every((count) => count === undefined)) uncounted.push(family)
    for (const [i, count] of counts.entries())
      if (count === undefined) partly.push(instruction(ops[i]!))
      else {
        flops += count
        half ||= family === 'f16' && count > 0
      }
  }
  const none = uncounted.length === 3 && tensor === undefined
  const lacking = none
    ? families.f32.map(instruction)
    : partly.filter((name) => !uncounted.some((f) => families[f].some((op) => instruction(op) === name)))
  missing.push(...lacking)

  const sources = bytesOf[level === undefined || level === 'L3' ? 'DRAM' : level]
  let bytes: number | null = null
  for (const names of sources) {
    const values = names.map((name) => {
      const rate = metrics.get(`${name}.per_second`)
      const whole = metrics.get(name) ?? (rate !== undefined && seconds !== null ? rate * seconds : undefined)
      return whole !== undefined && name.includes('sectors') ? whole * SECTOR : whole
    })
    if (bytes === null && values.every((value) => value !== undefined))
      bytes = (values as number[]).reduce((sum, value) => sum + value, 0)
  }
  if (bytes === null) missing.push(sources[0][0])

  const tensorWork = [...metrics].some(([name, value]) => name.startsWith('sm__inst_executed_pipe_tensor') && value > 0)
  return {
    flops: lacking.length > 0 ? null : flops,
    bytes,
    seconds,
    missing,
    uncounted,
    half,
    tensorUncounted: tensor === undefined && tensorWork,
  }
}
