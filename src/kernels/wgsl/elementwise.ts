/** One output element from one element of each input, four at a time where the length allows. */
import {buffers, grid, groupIndex, type Shader} from './shader.ts'

export interface ElementwiseParams {
  elements: number
  /** inputs by name; `cols` where an input is a row that repeats, `one` where all lanes take the element of this number (WGSL on `at`) */
  inputs: readonly {name: string; cols?: number; one?: string}[]
  /** an output that is an input as well is updated in place: one binding, where the input has its own */
  outputs: readonly string[]
  /** functions on `V`, a vec4f or an f32 */
  functions?: string
  /** statements that read the inputs by name as `V`, know the element number `at` (of the first lane), and define `out_<name>` */
  body: (lanes: 1 | 4) => string
  /** `false` where the body needs an element at a time */
  vector?: boolean
}

const threads = 256

/** Bytes in flight, not arithmetic, limit these: every thread moves 16 B of each tensor. */
export function elementwise({elements, inputs, outputs, functions, body, vector}: ElementwiseParams): Shader {
  const whole = vector !== false && elements % 4 === 0 && inputs.every(({cols}) => cols === undefined || cols % 4 === 0)
  const lanes = whole ? 4 : 1
  const type = whole ? 'vec4f' : 'f32'
  const items = elements / lanes
  const workgroups = grid(Math.ceil(items / threads))
  const load = ({name, cols, one}: ElementwiseParams['inputs'][number]) =>
    one === undefined
      ? `  let ${name} = b_${name}[item${cols === undefined ? '' : ` % ${cols / lanes}u`}];`
      : `  let ${name} = V(b_${name}[${one}]);`
  const isInput = (name: string) => inputs.some((input) => input.name === name)
  const list = [
    ...inputs.map(({name, one}) => ({
      name: `b_${name}`,
      type: one === undefined ? type : 'f32',
      access: outputs.includes(name) ? ('write' as const) : ('read' as const),
    })),
    ...outputs.filter((name) => !isInput(name)).map((name) => ({name: `b_${name}`, type, access: 'write' as const})),
  ]
  const code = `alias V = ${type};
${buffers(list)}
${functions ?? ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${items}u) { return; }
  let at = item * ${lanes}u;
${inputs.map(load).join('\n')}
${body(lanes)}
${outputs.map((name) => `  b_${name}[item] = out_${name};`).join('\n')}
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
