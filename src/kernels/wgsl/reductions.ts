/** Sums and maxima of parts of a tensor, one workgroup a part. */
import {type Binding, buffers, grid, groupIndex, powerOfTwo, type Shader, unrolled} from './shader.ts'

/** Loads of a thread in flight. */
const inFlight = 4

const kinds = {
  sum: {start: '0.0', of: (a: string, b: string) => `${a} + ${b}`},
  max: {start: '-3.4028234e38f', of: (a: string, b: string) => `max(${a}, ${b})`},
} as const

/** y[part] of the `each` elements from part·each on, as far as there are any; a sum of none is 0. */
export function reduceParts(kind: keyof typeof kinds, parts: number, each: number, elements = parts * each): Shader {
  const lanes = each % 4 === 0 && elements % 4 === 0 ? 4 : 1
  const type = lanes === 4 ? 'vec4f' : 'f32'
  const items = each / lanes
  const threads = Math.min(256, Math.max(32, powerOfTwo(items / inFlight)))
  const {start, of} = kinds[kind]
  const workgroups = grid(parts)
  const list = [
    {name: 'x', type, access: 'read' as Binding},
    {name: 'y', type: 'f32', access: 'write' as Binding},
  ]
  const code = `${buffers(list)}
var<workgroup> scratch: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let part = ${groupIndex(workgroups)};
  if (part >= ${parts}u) { return; }
  let last = min((part + 1u) * ${items}u, ${elements / lanes}u);
${unrolled(inFlight, (j) => `  var got${j} = ${type}(${start});`)}
  for (var i = part * ${items}u + thread; i < last; i += ${threads * inFlight}u) {
    got0 = ${of('got0', 'x[i]')};
${unrolled(inFlight - 1, (j) => `    if (i + ${(j + 1) * threads}u < last) { got${j + 1} = ${of(`got${j + 1}`, `x[i + ${(j + 1) * threads}u]`)}; }`)}
  }
  let all = ${of(of('got0', 'got1'), of('got2', 'got3'))};
  scratch[thread] = ${lanes === 4 ? of(of('all.x', 'all.y'), of('all.z', 'all.w')) : 'all'};
  for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (thread < step) { scratch[thread] = ${of('scratch[thread]', 'scratch[thread + step]')}; }
  }
  if (thread == 0u) { y[part] = scratch[0]; }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
