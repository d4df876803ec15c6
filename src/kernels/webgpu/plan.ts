/** Which probes make which ceiling, and how much work they do. Pure: data for the measuring run. */
import type {Ceiling} from '../../analysis/document/machine.ts'
import {rateUnit} from '../../analysis/units.ts'
import {
  type ComputeOperation,
  type ComputeParams,
  computeProbe,
  computeSeeds,
  computeWork,
} from '../wgsl/probes/compute.ts'
import {workgroupProbe, workgroupWork} from '../wgsl/probes/stream.ts'
import type {Shader} from '../wgsl/shader.ts'

/** How much an adapter can be asked to do: a software adapter runs a ten-thousandth of a GPU's threads in the same time. */
export interface Effort {
  /** workgroups of a compute probe */
  workgroups: number
  loops: number
  unroll: number
  /** chains to try */
  chains: readonly number[]
  /** workgroup sizes to try on the best number of chains */
  sizes: readonly number[]
  /** instructions of a loop that are tried beside `unroll` steps of every chain: what the loop itself costs is then below a hundredth */
  longLoop?: number
  /** workgroup sizes, accesses in flight and turns of a workgroup that a stream is tried with */
  streamSizes: readonly number[]
  streamUnrolls: readonly number[]
  streamTurns: readonly number[]
  /** seconds after which no further candidates are tried: compilers differ by tens of milliseconds a shader */
  searchSeconds: number
  /** B: largest working set, and least traffic of a dispatch */
  largestSet: number
  traffic: number
  /** working sets per octave are one; every how many octaves one is taken */
  octaves: number
  /** whether writes, copies and triads are taken over the working sets as well, and reads to the largest buffer that there is */
  allSweeps: boolean
  rounds: number
  extraRounds: number
  repetitionSeconds: number
  budgetSeconds: number
  /** seconds from the start after which no further rounds are taken: where a driver compiles slowly, the searches have used what they had */
  endSeconds: number
}

const MiB = 2 ** 20

/** A million threads of 64 loops are 9 GFLOP of scalar multiply-adds: 0.2 ms at 60 TFLOP/s, 20 ms at 0.4. */
const gpu = {workgroups: 4096, loops: 64, unroll: 8, longLoop: 1024, traffic: 256 * MiB}
/** SwiftShader: 10 GFLOP/s on two cores; every compiled line costs more than running it. */
const software = {
  workgroups: 32,
  loops: 32,
  unroll: 2,
  traffic: MiB,
  chains: [1, 4],
  sizes: [64],
  streamSizes: [64],
  streamUnrolls: [4],
  streamTurns: [1],
  searchSeconds: 60,
  endSeconds: 120,
  octaves: 2,
  allSweeps: false,
  extraRounds: 0,
  repetitionSeconds: 0.001,
}

/** @param quick at most 5 s on a discrete GPU, otherwise at most 30 s */
export function effortOf(isSoftware: boolean, quick: boolean): Effort {
  if (isSoftware)
    return {
      ...software,
      largestSet: quick ? 4 * MiB : 16 * MiB,
      allSweeps: !quick,
      rounds: quick ? 3 : 6,
      budgetSeconds: quick ? 1 : 4,
    }
  return quick
    ? {
        ...gpu,
        chains: [4, 8],
        sizes: [256],
        streamSizes: [256],
        streamUnrolls: [4],
        streamTurns: [1],
        searchSeconds: 1,
        largestSet: 512 * MiB,
        octaves: 2,
        allSweeps: false,
        rounds: 6,
        extraRounds: 6,
        repetitionSeconds: 0.001,
        budgetSeconds: 1.2,
        endSeconds: 3,
      }
    : {
        ...gpu,
        chains: [1, 2, 4, 8],
        sizes: [64, 128, 256],
        streamSizes: [256, 128, 512, 1024],
        streamUnrolls: [4, 1, 8],
        streamTurns: [1, 8],
        searchSeconds: 10,
        largestSet: 1024 * MiB,
        octaves: 1,
        allSweeps: true,
        rounds: 12,
        extraRounds: 60,
        // starting and ending a pass takes some 10 µs: a thousandth
        repetitionSeconds: 0.01,
        budgetSeconds: 11,
        endSeconds: 26,
      }
}

/** One way to reach a ceiling. */
export interface Candidate {
  shader: Shader
  /** FLOP, OP or B of one dispatch */
  work: number
  seeds: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  /** what was varied: kept with the result */
  varied: {lanes: number; chains: number; size: number; workgroups: number; unroll?: number}
  /** the work assumes subgroups of `assumed` threads; the result says at element `at` how many they had, and elements before it are `wanted` */
  subgroup?: {at: number; assumed: number; wanted: (element: number) => number}
}

export type Target = Pick<Ceiling, 'id' | 'kind' | 'unit'> &
  Partial<Pick<Ceiling, 'operation' | 'dtype' | 'engine' | 'isa' | 'mix' | 'level'>>

/** A ceiling and the probes that compete for it; further workgroup sizes, and more of them, are tried on the best of them. */
export interface ComputeTask {
  ceiling: Target
  label: string
  candidates: readonly Candidate[]
  resized(best: Candidate, size: number, workgroups: number): Candidate
  /** the best of them with a longer loop, where that is of use */
  longer?(best: Candidate): Candidate | undefined
}

interface ComputeRow {
  id: string
  operation: ComputeOperation
  as: Pick<Target, 'operation' | 'dtype'>
  lanes: 1 | 2 | 4
}

const rows: readonly ComputeRow[] = [
  {id: 'fma-f32-scalar', operation: 'fma-f32', as: {operation: 'fma', dtype: 'f32'}, lanes: 1},
  {id: 'fma-f32-vec4', operation: 'fma-f32', as: {operation: 'fma', dtype: 'f32'}, lanes: 4},
  {id: 'fma-f16-vec2', operation: 'fma-f16', as: {operation: 'fma', dtype: 'f16'}, lanes: 2},
  {id: 'fma-f16-vec4', operation: 'fma-f16', as: {operation: 'fma', dtype: 'f16'}, lanes: 4},
  {id: 'mad-int32', operation: 'mad-int32', as: {operation: 'fma', dtype: 'int32'}, lanes: 1},
  {id: 'dot-int8', operation: 'dot-int8', as: {operation: 'dot', dtype: 'int8'}, lanes: 1},
  {id: 'exp-f32', operation: 'exp-f32', as: {operation: 'exp', dtype: 'f32'}, lanes: 1},
  {id: 'tanh-f32', operation: 'tanh-f32', as: {operation: 'tanh', dtype: 'f32'}, lanes: 1},
  {id: 'rsqrt-f32', operation: 'rsqrt-f32', as: {operation: 'rsqrt', dtype: 'f32'}, lanes: 1},
  {id: 'divide-f32', operation: 'divide-f32', as: {operation: 'divide', dtype: 'f32'}, lanes: 1},
]

const words: Partial<Record<number, string>> = {1: 'scalar', 2: 'vec2', 4: 'vec4'}

/** Ids of the ceilings that an adapter without `shader-f16` lacks. */
export const halfIds = rows.filter(({as}) => as.dtype === 'f16').map(({id}) => id)

/** Arithmetic ceilings, f16 where the adapter computes in it. */
export function computeTasks(effort: Effort, hasF16: boolean, largestSize: number): ComputeTask[] {
  const candidate = (params: ComputeParams): Candidate => ({
    shader: computeProbe(params),
    work: computeWork(params),
    seeds: computeSeeds(params.operation),
    varied: {
      lanes: params.lanes,
      chains: params.chains,
      size: params.size,
      workgroups: params.workgroups,
      unroll: params.unroll,
    },
  })
  return rows
    .filter(({as}) => hasF16 || as.dtype !== 'f16')
    .map(({id, operation, as, lanes}) => {
      const params = (
        chains: number,
        size: number,
        workgroups = effort.workgroups,
        unroll = effort.unroll,
      ): ComputeParams => ({
        operation,
        lanes,
        chains,
        size,
        workgroups,
        loops: (effort.loops * effort.unroll) / unroll,
        unroll,
      })
      /** special functions are dozens of instructions each: their loops are long as they are */
      const isSingle = ['fma', 'dot'].includes(as.operation!)
      const size = Math.min(effort.sizes.at(-1)!, largestSize)
      return {
        ceiling: {
          id,
          kind: 'compute',
          ...as,
          engine: 'vector',
          isa: words[lanes]!,
          unit: rateUnit(as.dtype),
        },
        label: `${id}`,
        candidates: effort.chains.map((chains) => candidate(params(chains, size))),
        resized: ({varied}, size, workgroups) => candidate(params(varied.chains, size, workgroups, varied.unroll)),
        longer: ({varied: {chains, size, workgroups}}) => {
          const most = effort.loops * effort.unroll
          const unroll = Math.min(most, effort.longLoop ? effort.longLoop / (chains * lanes) : 0)
          return isSingle && unroll > effort.unroll ? candidate(params(chains, size, workgroups, unroll)) : undefined
        },
      } satisfies ComputeTask
    })
}

/** Reads of workgroup memory by different workgroup sizes. */
export function workgroupCandidates(effort: Effort, largestSize: number): Candidate[] {
  return effort.sizes
    .filter((size) => size <= largestSize)
    .map((size) => {
      const params = {size, workgroups: effort.workgroups, loops: effort.loops}
      return {
        shader: workgroupProbe(params),
        work: workgroupWork(params),
        seeds: Float32Array.from([0.5, 0.25, 0.125, 0]),
        varied: {lanes: 4, chains: 1, size, workgroups: effort.workgroups},
      }
    })
}
