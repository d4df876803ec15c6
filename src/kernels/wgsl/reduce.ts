/** WGSL functions that give all threads of a row the sum or maximum of their values. */

/** Threads of a workgroup, how many of them share a row, and by what they add up. */
export interface Reduction {
  threads: number
  lanes: number
  by: 'tree' | 'subgroups'
}

/** Threads of the smallest subgroup there may be (WebGPU §3.6.3). */
const smallest = 4

const kinds = {
  max: {start: '-3.4028234e38f', of: (a: string, b: string) => `max(${a}, ${b})`, all: 'subgroupMax'},
  sum: {start: '0.0', of: (a: string, b: string) => `${a} + ${b}`, all: 'subgroupAdd'},
} as const

type Kind = keyof typeof kinds

/** Halves in workgroup memory: every row's threads by themselves. */
function tree(kind: Kind, {lanes, threads}: Reduction): string {
  const [lane, first] = lanes === threads ? ['thread', '0'] : [`(thread % ${lanes}u)`, `thread - thread % ${lanes}u`]
  return `fn all_${kind}(value: f32, thread: u32) -> f32 {
  workgroupBarrier();
  scratch[thread] = value;
  for (var step = ${lanes / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (${lane} < step) { scratch[thread] = ${kinds[kind].of('scratch[thread]', 'scratch[thread + step]')}; }
  }
  workgroupBarrier();
  return scratch[${first}];
}`
}

/** A row of one subgroup or less: exchanges between registers. Its threads must lie beside each other in it, which a check of results shows. */
const exchanges = (kind: Kind, lanes: number): string => `fn all_${kind}(value: f32, thread: u32) -> f32 {
  var all = value;
${Array.from({length: Math.log2(lanes)}, (_, i) => `  all = ${kinds[kind].of('all', `subgroupShuffleXor(all, ${lanes >> (i + 1)}u)`)};`).join('\n')}
  return all;
}`

/** A row of a workgroup: every subgroup by itself, then all of them over what each has: one write and one read of workgroup memory. */
const twoLevels = (kind: Kind, threads: number): string => `fn all_${kind}(value: f32, thread: u32) -> f32 {
  let part = ${kinds[kind].all}(value);
  workgroupBarrier();
  if (subgroup_lane == 0u) { scratch[thread / subgroup_threads] = part; }
  workgroupBarrier();
  var all = ${kinds[kind].start};
  for (var i = subgroup_lane; i < (${threads}u + subgroup_threads - 1u) / subgroup_threads; i += subgroup_threads) {
    all = ${kinds[kind].of('all', 'scratch[i]')};
  }
  return ${kinds[kind].all}(all);
}`

/**
 * What a shader needs for `all_max(value, thread)` and `all_sum(value, thread)`, to be called by all threads of a workgroup at once: the line
 * before everything, the functions, and the first statements of `main`.
 */
export function reductions(r: Reduction): {enable: string; functions: string; start: string} {
  const alone = r.lanes === r.threads
  if (r.by === 'tree')
    return {
      enable: '',
      functions: `var<workgroup> scratch: array<f32, ${r.threads}>;\n${tree('max', r)}\n${tree('sum', r)}`,
      start: '',
    }
  if (!alone)
    return {
      enable: 'enable subgroups;\n',
      functions: `${exchanges('max', r.lanes)}\n${exchanges('sum', r.lanes)}`,
      start: '',
    }
  return {
    enable: 'enable subgroups;\n',
    functions: `var<workgroup> scratch: array<f32, ${Math.ceil(r.threads / smallest)}>;
var<private> subgroup_lane: u32;
var<private> subgroup_threads: u32;
${twoLevels('max', r.threads)}\n${twoLevels('sum', r.threads)}`,
    // counted: subgroup_size is what the driver promises, and Intel's may run 16 threads where it says 32
    start: '  subgroup_lane = subgroupExclusiveAdd(1u);\n  subgroup_threads = subgroupAdd(1u);',
  }
}

/** Threads that a subgroup must have at least. */
export const subgroupsOf = ({by, lanes, threads}: Reduction): number | undefined =>
  by === 'tree' ? undefined : lanes === threads ? smallest : lanes
