/** Bandwidth of storage buffers over a working set, and of workgroup memory. */
import {buffers, grid, groupIndex, type Shader, unrolled} from '../shader.ts'

export type StreamMix = 'read' | 'write' | 'copy' | 'triad'

export interface StreamParams {
  mix: StreamMix
  size: number
  /** B that one dispatch moves through every buffer, a multiple of their size or of 16·size·unroll */
  traffic: number
  /** accesses of a thread in flight */
  unroll: number
  /** times that a workgroup goes on to what lies behind; default 1 */
  turns?: number
}

/** Buffers of each mix, the one that is written last. */
export const streamBuffers = {read: ['a'], write: ['c'], copy: ['a', 'c'], triad: ['a', 'b', 'c']} as const

/** B that one dispatch moves: payload, every buffer read or written. */
export const streamWork = ({mix, traffic}: StreamParams): number => traffic * streamBuffers[mix].length

/**
 * Workgroups walk the set in turn, neighbouring threads neighbouring 16 B; sets smaller than the traffic are walked again and again. The set is
 * what is bound, a power of two of bytes, and no text says its size: a compiler that knows it sees that a thread comes back to where it was,
 * and loads once (gcc 12: one load of 32 for a set of 16 KiB).
 */
export function streamProbe({mix, size, traffic, unroll, turns = 1}: StreamParams): Shader {
  const perGroup = size * unroll
  const groups = Math.ceil(traffic / 16 / (perGroup * turns))
  const workgroups = grid(groups)
  const at = (u: number) => `(first + ${u * size}u) & inside`
  const writes = mix !== 'read'
  const list = [
    ...streamBuffers[mix]
      .filter((name) => name !== 'c')
      .map((name) => ({name, type: 'vec4f', access: 'read' as const})),
    {name: 'c', type: 'vec4f', access: 'write' as const},
  ]
  const value = (u: number) =>
    ({
      read: `a[at${u}]`,
      write: 'vec4f(f32(thread))',
      copy: `a[at${u}]`,
      triad: `a[at${u}] + 0.5 * b[at${u}]`,
    })[mix]
  // a compiler loads of four lanes only those that somebody asks for: all of them are
  // all loads stand before the first store: a compiler need not find out that they may
  const step = `${unrolled(unroll, (u) => `    let at${u} = ${at(u)};`)}
${unrolled(unroll, (u) => `    let value${u} = ${value(u)};`)}
${writes ? unrolled(unroll, (u) => `    c[at${u}] = value${u};`) : `    sum += ${unrolled(unroll, (u) => `value${u}`, ' + ')};`}`
  const body =
    turns === 1
      ? `  {\n${step}\n  }`
      : `  for (var turn = 0u; turn < ${turns}u; turn++) {
${step}
    first += ${perGroup}u;
  }`
  const code = `${buffers(list)}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  if (number >= ${groups}u) { return; }
  let inside = arrayLength(&${streamBuffers[mix][0]}) - 1u;
  var first = number * ${perGroup * turns}u + thread;
${writes ? '' : '  var sum = vec4f(0.0);\n'}${body}
${writes ? '' : '  if (all(sum == vec4f(123456.75, 3.5, 7.25, 1.125))) { c[0] = sum; }\n'}}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

export interface WorkgroupParams {
  size: number
  workgroups: number
  loops: number
}

/** Reads of a loop. */
const reads = 8
/** Elements of 16 B: 8 KiB, so that two workgroups fit the smallest workgroup memory. */
const shared = 512

export const workgroupWork = ({size, workgroups, loops}: WorkgroupParams): number =>
  16 * reads * loops * size * workgroups

/** Reads of 16 B from workgroup memory, neighbours beside each other: no bank is asked twice. */
export function workgroupProbe({size, workgroups, loops}: WorkgroupParams): Shader {
  const folded = grid(workgroups)
  const list = [
    {name: 'seeds', type: 'f32', access: 'read' as const},
    {name: 'results', type: 'f32', access: 'write' as const},
  ]
  const code = `${buffers(list)}
var<workgroup> tile: array<vec4f, ${shared}>;
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  for (var i = thread; i < ${shared}u; i += ${size}u) { tile[i] = vec4f(seeds[i % 4u]); }
  workgroupBarrier();
  var sum = vec4f(0.0);
  var at = thread;
  for (var i = 0u; i < ${loops}u; i++) {
    sum += ${unrolled(reads, (r) => `tile[(at + ${r * 32}u) & ${shared - 1}u]`, ' + ')};
    at += u32(seeds[3]) + 1u;
  }
  let all = sum.x + sum.y + sum.z + sum.w;
  if (thread == 0u || all == 123456.75) { results[${groupIndex(folded)}] = all; }
}`
  return {code, bindings: ['read', 'write'], workgroups: folded}
}

/** A kernel that does nothing: what is left is the dispatch. */
export const emptyProbe: Shader = {
  code: `${buffers([{name: 'results', type: 'f32', access: 'write'}])}
@compute @workgroup_size(1)
fn main() { if (results[0] == 123456.75) { results[0] = 0.0; } }`,
  bindings: ['write'],
  workgroups: [1, 1, 1],
}
