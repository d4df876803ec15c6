/** The ceiling of matrix units: chains of subgroup-matrix multiply-accumulates in registers (Dawn's experimental WGSL extension). */
import {buffers, type Shader, unrolled} from '../shader.ts'

/** M × N results of K products each, as the adapter offers them. */
export interface SubgroupMatrixConfig {
  M: number
  N: number
  K: number
  componentType: string
  resultComponentType: string
}

export interface SubgroupMatrixParams {
  config: SubgroupMatrixConfig
  /** independent accumulators of a subgroup */
  chains: number
  /** threads of a workgroup, a multiple of the largest subgroup */
  size: number
  workgroups: number
  loops: number
  unroll: number
  /** threads of every subgroup where all have as many, else the shader asks: NVIDIA's compiler dies of subgroup functions beside matrices (kvark/blade#333) */
  threads?: number | undefined
}

/** FLOP of one dispatch whose subgroups have `subgroup` threads. */
export const subgroupMatrixWork = (
  {config: {M, N, K}, chains, size, workgroups, loops, unroll}: SubgroupMatrixParams,
  subgroup: number,
): number => 2 * M * N * K * chains * unroll * loops * workgroups * (size / subgroup)

/** Where the result says how many threads a subgroup really had, in elements. */
export const subgroupSizeAt = ({config: {M, N}, chains}: SubgroupMatrixParams): number => M * N * chains

/** What element `at` of the results must be: a chain adds K equal products in every step. */
export const subgroupMatrixResult = (
  {config: {M, N, K}, loops, unroll}: SubgroupMatrixParams,
  [a, b, start]: readonly [number, number, number, number],
  at: number,
): number => start * Math.floor(at / (M * N)) + K * a * b * loops * unroll

/** @returns a shader over seeds (f32) and results: every chain's, the same from all subgroups, and the size of a subgroup */
export function subgroupMatrixProbe(p: SubgroupMatrixParams): Shader {
  const {M, N, K, componentType: type, resultComponentType: result} = p.config
  const list = [
    {name: 'seeds', type: 'f32', access: 'read' as const},
    {name: 'results', type: 'f32', access: 'write' as const},
  ]
  const step = (c: number) => `sum${c} = subgroupMatrixMultiplyAccumulate(a, b, sum${c});`
  const code = `${type === 'f16' ? 'enable f16;\n' : ''}${p.threads === undefined ? 'enable subgroups;\n' : ''}enable chromium_experimental_subgroup_matrix;
${buffers(list)}
@compute @workgroup_size(${p.size})
fn main(@builtin(local_invocation_index) thread: u32${p.threads === undefined ? ', @builtin(subgroup_size) subgroup: u32' : ''}) {
  let a = subgroup_matrix_left<${type}, ${K}, ${M}>(${type}(seeds[0]));
  let b = subgroup_matrix_right<${type}, ${N}, ${K}>(${type}(seeds[1]));
${unrolled(p.chains, (c) => `  var sum${c} = subgroup_matrix_result<${result}, ${N}, ${M}>(${result}(seeds[2] * ${c}.0));`)}
  for (var i = 0u; i < ${p.loops}u; i++) {
${unrolled(p.unroll, () => `    ${unrolled(p.chains, step, ' ')}`)}
  }
${unrolled(p.chains, (c) => `  subgroupMatrixStore(&results, ${c * M * N}u, sum${c}, false, ${N}u);`)}
  if (thread == 0u) { results[${subgroupSizeAt(p)}] = ${p.threads === undefined ? 'f32(subgroup)' : `${p.threads}.0`}; }
}`
  return {code, bindings: ['read', 'write'], workgroups: [p.workgroups, 1, 1]}
}
