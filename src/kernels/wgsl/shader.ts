/** What a WGSL generator makes, and the pieces that all of them share. Sizes are written into the text, so that compilers can use them. */

export type Binding = 'read' | 'write'

/** One compute shader: entry point `main`, group 0, storage buffers in the order of `bindings`. */
export interface Shader {
  code: string
  bindings: readonly Binding[]
  workgroups: readonly [number, number, number]
  /** B of workgroup memory where that is more than the 16 KiB that every adapter has */
  workgroupBytes?: number
  /** threads of a workgroup where they are more than the 256 that every adapter has */
  invocations?: number
  /** uses subgroup functions, and needs subgroups of at least this many threads */
  subgroups?: number
  /** B of a buffer of its own, bound after the tensors: `second` reads what is left there */
  scratchBytes?: number
  /** runs after it over the same bindings */
  second?: Shader
}

/** How a tensor's elements lie in memory: i8 four and i4 eight to a 32-bit word, the lowest bits first. */
export type Format = 'f32' | 'f16' | 'i32' | 'i8' | 'i4'

/** Bytes of one element. */
export const formatBytes: Readonly<Record<Format, number>> = {f32: 4, f16: 2, i32: 4, i8: 1, i4: 0.5}

/** Workgroups per dimension that every implementation has (WebGPU §3.6.2). */
const perDimension = 65_535

/** A one-dimensional grid folded into two dimensions where it is longer than one allows. */
export function grid(groups: number): readonly [number, number, number] {
  if (groups <= perDimension) return [groups, 1, 1]
  const y = Math.ceil(groups / perDimension)
  return [Math.ceil(groups / y), y, 1]
}

/** Number of the workgroup in the folded grid, as a WGSL expression over `group: vec3u`. */
export const groupIndex = (groups: readonly [number, number, number]): string =>
  groups[1] === 1 ? 'group.x' : `(group.x + group.y * ${groups[0]}u)`

/** Storage buffers with names and element types, in binding order. */
export function buffers(list: readonly {name: string; type: string; access: Binding}[]): string {
  return list
    .map(
      ({name, type, access}, i) =>
        `@group(0) @binding(${i}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> ${name}: array<${type}>;`,
    )
    .join('\n')
}

/** A number as a WGSL f32. */
export const f32 = (value: number): string => {
  const text = String(value)
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`
}

/** Repeats a line for 0 … count − 1: unrolled text, so that registers need no index. */
export const unrolled = (count: number, line: (i: number) => string, separator = '\n'): string =>
  Array.from({length: count}, (_, i) => line(i)).join(separator)

/** The smallest power of two that is at least `value`. */
export const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, value)))

/**
 * tanh as a WGSL expression, by e^x: drivers' own is an approximation that 1e-5 does not hold for (NVIDIA's: gpuweb#5206), or overflows.
 * @param most 15 in the argument's type: tanh is 1 there in f32
 */
export const tanhOf = (argument: string, most = '15.0'): string =>
  `(1.0 - 2.0 / (1.0 + exp(2.0 * min(${argument}, ${most}))))`
