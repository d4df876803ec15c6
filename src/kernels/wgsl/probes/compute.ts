/** Arithmetic ceilings: chains of one instruction in registers, nothing read or written until the end. */
import {buffers, grid, groupIndex, type Shader, unrolled} from '../shader.ts'

/** What one chain repeats. `a` is the chain's value, `x` and `y` come from memory, so that nothing can be computed beforehand. */
const operations = {
  'fma-f32': {type: 'f32', step: 'a = fma(a, x, y);', work: 2, start: '0.5'},
  'fma-f16': {type: 'f16', step: 'a = fma(a, x, y);', work: 2, start: '0.5h'},
  'mad-int32': {type: 'u32', step: 'a = a * x + y;', work: 2, start: '3u'},
  'dot-int8': {type: 'i32', step: 'a += dot4I8Packed(bitcast<u32>(a), x);', work: 8, start: '3'},
  // each converges to a normal number: e^-a to 0.567, the others to their fixed points near 1
  'exp-f32': {type: 'f32', step: 'a = exp(-a);', work: 1, start: '0.5'},
  'tanh-f32': {type: 'f32', step: 'a = tanh(a) + y;', work: 1, start: '0.5'},
  'rsqrt-f32': {type: 'f32', step: 'a = inverseSqrt(a);', work: 1, start: '0.5'},
  'divide-f32': {type: 'f32', step: 'a = x / a;', work: 1, start: '0.5'},
} as const

export type ComputeOperation = keyof typeof operations

export interface ComputeParams {
  operation: ComputeOperation
  /** lanes of a chain's value */
  lanes: 1 | 2 | 4
  /** independent chains of a thread */
  chains: number
  /** threads of a workgroup */
  size: number
  workgroups: number
  /** times that a thread repeats `unroll` steps of every chain */
  loops: number
  unroll: number
}

/** FLOP or OP of one dispatch. */
export const computeWork = ({operation, lanes, chains, size, workgroups, loops, unroll}: ComputeParams): number =>
  operations[operation].work * lanes * chains * unroll * loops * size * workgroups

/** @returns a shader over seeds (two f32 or u32 numbers) and one result for each workgroup */
export function computeProbe(p: ComputeParams): Shader {
  const {type, step, start} = operations[p.operation]
  // dot4I8Packed takes words: lanes are chains there
  const wide = p.operation !== 'dot-int8' && p.lanes > 1
  const V = wide ? `vec${p.lanes}<${type}>` : type
  const chains = wide ? p.chains : p.chains * p.lanes
  const workgroups = grid(p.workgroups)
  const seed = type === 'u32' || type === 'i32' ? 'u32' : 'f32'
  const operand = type === 'i32' ? 'u32' : V
  const list = [
    {name: 'seeds', type: seed, access: 'read' as const},
    {name: 'results', type: 'f32', access: 'write' as const},
  ]
  const scalar = type === 'i32' ? 'u32' : type
  const of = (chain: number) => step.replace(/\ba\b/g, `a${chain}`)
  const code = `${type === 'f16' ? 'enable f16;\n' : ''}${buffers(list)}
@compute @workgroup_size(${p.size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let x = ${operand}(${scalar}(seeds[0]));
  let y = ${operand}(${scalar}(seeds[1]));
${unrolled(chains, (c) => `  var a${c} = ${V}(${start}) + ${V}(${type}(thread % 8u + ${c}u)) * ${V}(${type}(${seed === 'u32' ? 'seeds[1]' : 'seeds[2]'}));`)}
  for (var i = 0u; i < ${p.loops}u; i++) {
${unrolled(p.unroll, () => `    ${unrolled(chains, of, ' ')}`)}
  }
  let all = ${unrolled(chains, (c) => `a${c}`, ' + ')};
  let sum = f32(${wide ? unrolled(p.lanes, (l) => `all[${l}]`, ' + ') : 'all'});
  // stored where it cannot be foreseen that nothing is
  if (sum == 123456.75) { results[${groupIndex(workgroups)}] = sum; }
  if (thread == 0u) { results[${groupIndex(workgroups)}] = sum; }
}`
  return {code, bindings: ['read', 'write'], workgroups}
}

/** Values of `x`, `y` and the spread of the chains' starts: multiply-adds stay between 0 and 1, without subnormal numbers. */
export function computeSeeds(operation: ComputeOperation): Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  if (operation === 'mad-int32') return Uint32Array.from([1_664_525, 1_013_904_223, 0, 0])
  if (operation === 'dot-int8') return Uint32Array.from([0x01fe0302, 1, 0, 0])
  if (operation === 'divide-f32') return Float32Array.from([1.5, 0, 0.0625, 0])
  return Float32Array.from([0.75, 0.125, 0.0078125, 0])
}
