/**
 * Two-dimensional convolution. As a product: filters times the elements under them, which are gathered on the way to workgroup memory and
 * never stored (implicit GEMM: Chetlur et al. 2014). Directly where a group has few filters, as depthwise ones do: a thread computes one
 * position of several filters.
 */
import type {convDims} from '../families/conv.ts'
import {matmul, type TileShape} from './matmul.ts'
import {type Binding, buffers, grid, groupIndex, type Shader, unrolled} from './shader.ts'

/** As the operator's dims, depth 1; padding is of both sides together, the larger half at the end. */
export type ConvParams = ReturnType<typeof convDims> & {
  /** folded BatchNorm and ReLU on the way out: a scale and a shift per filter, in bindings after w */
  normalized?: boolean
}

const threads = 64
/** Filters of one thread: 8 multiply-adds for each load of an input element. */
const perThread = 8

const positions = (size: number, kernel: number, stride: number, dilation: number, pad: number): number =>
  Math.floor((size + pad - (dilation * (kernel - 1) + 1)) / stride) + 1

/** What both forms need: outputs per image, and the parts of a group. */
function sizesOf(d: ConvParams) {
  const height = positions(d.height, d.kernelHeight, d.strideHeight, d.dilationHeight, d.padHeight)
  const width = positions(d.width, d.kernelWidth, d.strideWidth, d.dilationWidth, d.padWidth)
  const [perGroup, groupFilters] = [d.channels / d.groups, d.filters / d.groups]
  return {width, places: height * width, taps: d.kernelHeight * d.kernelWidth, perGroup, groupFilters}
}

export function convDirect(d: ConvParams): Shader {
  const {width, places, taps, perGroup, groupFilters} = sizesOf(d)
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

/** A product per image and group: groupFilters × (channels · taps) by (channels · taps) × positions. */
export function convProduct(d: ConvParams, tile?: TileShape): Shader {
  const {width, places, taps, perGroup, groupFilters} = sizesOf(d)
  const k = perGroup * taps
  // a filter of one tap reads its input as it lies
  const dense = taps === 1 && d.strideHeight === 1 && d.strideWidth === 1 && d.padHeight === 0 && d.padWidth === 0
  const quads = (count: number) => (count % 4 === 0 ? 'vec4<f32>' : 'f32')
  const filter = `z % ${d.groups}u * ${groupFilters}u + row`
  const biased = d.bias ? `(sum + bias[${filter}])` : 'sum'
  const extra = (name: string) => ({name, type: 'f32'})
  const gathered = `fn load_b(base: u32, row: u32, col: u32) -> vec4f {
  var value = vec4f(0.0);
  if (row >= ${k}u) { return value; }
  let tap = row % ${taps}u;
  let plane = base + row / ${taps}u * ${d.height * d.width}u;
  let top = i32(tap / ${d.kernelWidth}u) * ${d.dilationHeight} - ${Math.floor(d.padHeight / 2)};
  let left = i32(tap % ${d.kernelWidth}u) * ${d.dilationWidth} - ${Math.floor(d.padWidth / 2)};
${unrolled(
  4,
  (l) => `  {
    let place = col + ${l}u;
    let y = i32(place / ${width}u) * ${d.strideHeight} + top;
    let x = i32(place % ${width}u) * ${d.strideWidth} + left;
    if (place < ${places}u && y >= 0 && y < ${d.height} && x >= 0 && x < ${d.width}) { value[${l}] = b[plane + u32(y * ${d.width} + x)]; }
  }`,
)}
  return value;
}`
  return matmul({
    batch: d.batch * d.groups,
    m: groupFilters,
    n: places,
    k,
    base: {
      a: `z % ${d.groups}u * ${groupFilters * k}u`,
      b: `(z / ${d.groups}u * ${d.channels}u + z % ${d.groups}u * ${perGroup}u) * ${d.height * d.width}u`,
    },
    epilogue: d.normalized ? `max(${biased} * scale[${filter}] + shift[${filter}], 0.0)` : biased,
    own: {
      inputs: [
        {name: 'b', type: dense ? quads(places) : 'f32'},
        {name: 'a', type: quads(k)},
        ...(d.bias ? [extra('bias')] : []),
        ...(d.normalized ? [extra('scale'), extra('shift')] : []),
      ],
      outputs: [{name: 'c', type: quads(places)}],
      loads: dense ? {} : {b: gathered},
    },
    tile,
  })
}
