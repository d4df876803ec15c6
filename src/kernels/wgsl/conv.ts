/** Direct two-dimensional convolution: a thread computes one position of several filters, so that each input element serves all of them. */
import {type Binding, buffers, grid, groupIndex, type Shader, unrolled} from './shader.ts'

/** As the operator's dims, depth 1; padding is of both sides together, the larger half at the end. */
export interface ConvParams {
  batch: number
  channels: number
  filters: number
  groups: number
  height: number
  width: number
  kernelHeight: number
  kernelWidth: number
  strideHeight: number
  strideWidth: number
  dilationHeight: number
  dilationWidth: number
  padHeight: number
  padWidth: number
  bias: boolean
  /** folded BatchNorm and ReLU on the way out: a scale and a shift per filter, in bindings after w */
  normalized?: boolean
}

const threads = 64
/** Filters of one thread: 8 multiply-adds for each load of an input element. */
const perThread = 8

const positions = (size: number, kernel: number, stride: number, dilation: number, pad: number): number =>
  Math.floor((size + pad - (dilation * (kernel - 1) + 1)) / stride) + 1

export function conv(d: ConvParams): Shader {
  const height = positions(d.height, d.kernelHeight, d.strideHeight, d.dilationHeight, d.padHeight)
  const width = positions(d.width, d.kernelWidth, d.strideWidth, d.dilationWidth, d.padWidth)
  const [perGroup, groupFilters] = [d.channels / d.groups, d.filters / d.groups]
  const taps = d.kernelHeight * d.kernelWidth
  const places = height * width
  const blocks = Math.ceil(groupFilters / perThread)
  const tiles = Math.ceil(places / threads)
  const workgroups = grid(tiles * blocks * d.groups * d.batch)
  const list = [
    {name: 'x', type: 'f32', access: 'read' as Binding},
    {name: 'w', type: 'f32', access: 'read' as Binding},
    ...(d.bias ? [{name: 'bias', type: 'f32', access: 'read' as Binding}] : []),
    ...(d.normalized ? ['scale', 'shift'] : []).map((name) => ({name, type: 'f32', access: 'read' as Binding})),
    {name: 'y', type: 'f32', access: 'write' as Binding},
  ]
  const result = (f: number) =>
    d.normalized ? `max(sum${f} * scale[${filter(f)}] + shift[${filter(f)}], 0.0)` : `sum${f}`
  // beyond the last filter of a group a thread computes the last one again and does not store it
  const filter = (f: number) => `filter${f}`
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let work = ${groupIndex(workgroups)};
  let place = work % ${tiles}u * ${threads}u + thread;
  let block = work / ${tiles}u % ${blocks}u;
  let part = work / ${tiles * blocks}u % ${d.groups}u;
  let image = work / ${tiles * blocks * d.groups}u;
  if (place >= ${places}u || image >= ${d.batch}u) { return; }
  let top = i32(place / ${width}u) * ${d.strideHeight} - ${Math.floor(d.padHeight / 2)};
  let left = i32(place % ${width}u) * ${d.strideWidth} - ${Math.floor(d.padWidth / 2)};
${unrolled(
  perThread,
  (f) => `  let ${filter(f)} = part * ${groupFilters}u + min(block * ${perThread}u + ${f}u, ${groupFilters - 1}u);
  var sum${f} = ${d.bias ? `bias[${filter(f)}]` : '0.0'};`,
)}
  for (var channel = 0u; channel < ${perGroup}u; channel++) {
    let plane = (image * ${d.channels}u + part * ${perGroup}u + channel) * ${d.height * d.width}u;
    for (var ky = 0; ky < ${d.kernelHeight}; ky++) {
      let row = top + ky * ${d.dilationHeight};
      if (row < 0 || row >= ${d.height}) { continue; }
      for (var kx = 0; kx < ${d.kernelWidth}; kx++) {
        let col = left + kx * ${d.dilationWidth};
        if (col < 0 || col >= ${d.width}) { continue; }
        let value = x[plane + u32(row * ${d.width} + col)];
        let tap = channel * ${taps}u + u32(ky * ${d.kernelWidth} + kx);
${unrolled(perThread, (f) => `        sum${f} = fma(value, w[${filter(f)} * ${perGroup * taps}u + tap], sum${f});`)}
      }
    }
  }
${unrolled(perThread, (f) => `  if (block * ${perThread}u + ${f}u < ${groupFilters}u) { y[(image * ${d.filters}u + ${filter(f)}) * ${places}u + place] = ${result(f)}; }`)}
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
