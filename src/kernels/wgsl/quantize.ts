/** Symmetric quantization to 8 and 4 bits: a scale for every group of elements, the values packed, the lowest bits first. */
import type {Quantized} from './quantized.ts'
import {type Binding, buffers, grid, groupIndex, powerOfTwo, type Shader, unrolled} from './shader.ts'

const bitsOf: Readonly<Record<Quantized, number>> = {i8: 8, i4: 4}

const common = (a: number, b: number): number => (b === 0 ? a : common(b, a % b))

/**
 * q = x ÷ scale to the nearest, of two the even one; scale = max|x| ÷ the format's largest value. A workgroup takes as many groups as
 * fill whole words, since two workgroups cannot write to one; a scale of 0, ∞ or NaN makes zeros.
 */
export function quantize(format: Quantized, groups: number, size: number): Shader {
  const bits = bitsOf[format]
  const per = 32 / bits
  const together = per / common(per, size)
  const words = Math.ceil((groups * size) / per)
  const mine = (together * size) / per
  const threads = Math.min(256, Math.max(32, powerOfTwo(size / 4)))
  const workgroups = grid(Math.ceil(groups / together))
  const list = [
    {name: 'x', type: 'f32', access: 'read' as Binding},
    {name: 'q', type: 'u32', access: 'write' as Binding},
    {name: 'scales', type: 'f32', access: 'write' as Binding},
  ]
  // lanes of a word lie in one group where that is whole words long
  const scaleAt = (at: string) => (together === 1 ? 'inverses[0]' : `inverses[(${at}) / ${size}u]`)
  const code = `${buffers(list)}
var<workgroup> scratch: array<f32, ${threads}>;
var<workgroup> inverses: array<f32, ${together}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let block = ${groupIndex(workgroups)};
  if (block >= ${Math.ceil(groups / together)}u) { return; }
  let begin = block * ${together * size}u;
  for (var g = 0u; g < ${together}u && block * ${together}u + g < ${groups}u; g++) {
    var top = 0.0;
    for (var i = thread; i < ${size}u; i += ${threads}u) { top = max(top, abs(x[begin + g * ${size}u + i])); }
    workgroupBarrier();
    scratch[thread] = top;
    for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
      workgroupBarrier();
      if (thread < step) { scratch[thread] = max(scratch[thread], scratch[thread + step]); }
    }
    if (thread == 0u) {
      let scale = scratch[0] / ${2 ** (bits - 1) - 1}.0;
      scales[block * ${together}u + g] = scale;
      inverses[g] = select(0.0, 1.0 / scale, scale > 0.0 && scale < 3.4028234e38f);
    }
  }
  workgroupBarrier();
  for (var i = thread; i < ${mine}u; i += ${threads}u) {
    let word = block * ${mine}u + i;
    if (word >= ${words}u) { break; }
    var packed = 0u;
${unrolled(
  per,
  (l) =>
    `    if (word * ${per}u + ${l}u < ${groups * size}u) { packed |= (bitcast<u32>(i32(round(x[word * ${per}u + ${l}u] * ${scaleAt(`i * ${per}u + ${l}u`)}))) & ${2 ** bits - 1}u) << ${l * bits}u; }`,
)}
    q[word] = packed;
  }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
