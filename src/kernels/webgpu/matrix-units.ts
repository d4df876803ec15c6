/// <reference types="@webgpu/types" />
/** Which subgroup-matrix ceilings an adapter can have, and why not the others. Browser-safe. */
import {
  type SubgroupMatrixConfig,
  type SubgroupMatrixParams,
  subgroupMatrixProbe,
  subgroupMatrixResult,
  subgroupMatrixWork,
  subgroupSizeAt,
} from '../wgsl/probes/subgroup-matrix.ts'
import type {Candidate, ComputeTask, Effort} from './plan.ts'

/** Dawn's name; the feature is in no standard yet, so that Chromium offers it behind a flag only. */
export const subgroupMatrixFeature = 'chromium-experimental-subgroup-matrix'

/** What matrix units of an adapter need to know, beside what it says of itself. */
export interface MatrixUnits {
  configs: readonly SubgroupMatrixConfig[]
  /** threads of the smallest and of the largest subgroup: workgroups are multiples of this one */
  subgroupMin: number
  subgroupMax: number
}

/** The configurations that an adapter with the feature offers, copied out of its objects; `null` without the feature. */
export function matrixUnitsOf(adapter: GPUAdapter): MatrixUnits | null {
  if (!adapter.features.has(subgroupMatrixFeature)) return null
  const info = adapter.info as GPUAdapterInfo & {subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>}
  const configs = [...(info.subgroupMatrixConfigs ?? [])].map(({M, N, K, componentType, resultComponentType}) => ({
    M,
    N,
    K,
    componentType,
    resultComponentType,
  }))
  const subgroupMax = info.subgroupMaxSize ?? 32
  return {configs, subgroupMin: info.subgroupMinSize ?? subgroupMax, subgroupMax}
}

const wanted = [
  {id: 'subgroup-matrix-f16', dtype: 'f16', component: 'f16', result: 'f32'},
  {id: 'subgroup-matrix-f32', dtype: 'f32', component: 'f32', result: 'f32'},
] as const

/** Values of all elements of left and right, and a chain's start over its number: powers of two, so that sums stay exact in f32. */
const seeds = [0.015625, 0.015625, 0.0078125, 0] as const

/** Most f32 of accumulators that a subgroup holds: 128 registers of 32 threads. */
const mostSums = 4096

/** Tasks for the f16 and f32 products that the adapter offers, by their largest configuration, and the reasons where it offers none. */
export function matrixTasks(
  units: MatrixUnits | null,
  hasF16: boolean,
  effort: Effort,
  largestSize: number,
): {tasks: ComputeTask[]; absent: {id: string; reason: string}[]} {
  const tasks: ComputeTask[] = []
  const absent: {id: string; reason: string}[] = []
  for (const {id, dtype, component, result} of wanted) {
    const config = (units?.configs ?? [])
      .filter((c) => c.componentType === component && c.resultComponentType === result)
      .reduce<SubgroupMatrixConfig | undefined>(
        (top, c) => (top && top.M * top.N * top.K >= c.M * c.N * c.K ? top : c),
        undefined,
      )
    const reason = !units
      ? `the adapter lacks ${subgroupMatrixFeature}`
      : component === 'f16' && !hasF16
        ? 'the adapter lacks shader-f16'
        : !config
          ? `the adapter offers no subgroup matrices of ${component} summed in ${result}`
          : units.subgroupMax > largestSize
            ? `a subgroup of ${units.subgroupMax} is larger than a workgroup of ${largestSize}`
            : undefined
    if (reason !== undefined || !config || !units) {
      absent.push({id, reason: reason ?? 'the adapter offers none'})
      continue
    }
    const candidate = (chains: number, wantedSize: number, workgroups = effort.workgroups): Candidate => {
      const whole = Math.floor(Math.min(wantedSize, largestSize) / units.subgroupMax)
      const params: SubgroupMatrixParams = {
        config,
        chains,
        size: Math.max(1, whole) * units.subgroupMax,
        workgroups,
        loops: effort.loops,
        unroll: effort.unroll,
        threads: units.subgroupMin === units.subgroupMax ? units.subgroupMax : undefined,
      }
      return {
        shader: subgroupMatrixProbe(params),
        work: subgroupMatrixWork(params, units.subgroupMax),
        seeds: Float32Array.from(seeds),
        varied: {lanes: 1, chains, size: params.size, workgroups},
        // a driver may run narrower subgroups than its largest, and then more of them
        subgroup: {
          at: subgroupSizeAt(params),
          assumed: units.subgroupMax,
          wanted: (element) => subgroupMatrixResult(params, seeds, element),
        },
      }
    }
    tasks.push({
      ceiling: {
        id,
        kind: 'compute',
        operation: 'fma',
        dtype,
        engine: 'matrix',
        isa: `subgroup matrix ${config.M}x${config.N}x${config.K}`,
        unit: 'FLOP/s',
      },
      label: id,
      candidates: effort.chains
        .filter((chains) => chains === 1 || chains * config.M * config.N <= mostSums)
        .map((chains) => candidate(chains, effort.sizes.at(-1)!)),
      resized: (best, size, workgroups) => candidate(best.varied.chains, size, workgroups),
    })
  }
  return {tasks, absent}
}
