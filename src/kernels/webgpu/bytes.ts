/** Bytes of tensors in their own formats. Pure. */
import {type NativeType, type Part, type Program, type ProgramTensor, tensorsOf} from '../program.ts'
import {type Format, formatBytes} from '../wgsl/shader.ts'
import type {GpuTraits} from './programs.ts'

/** Types of the native kernels that WGSL kernels hold as well. */
const shared: readonly Format[] = ['f32', 'i32', 'i8', 'i4']

const formatOfType = (type: NativeType): Format | undefined => shared.find((format) => format === type)

/** Whether all tensors of a part have a format here. */
export const hasFormats = ({types = {}}: Pick<Part, 'types'>): boolean =>
  Object.values(types).every((type) => formatOfType(type) !== undefined)

/** How a tensor lies in memory: as the kernel's traits say, else as its part does. */
const formatOf = (traits: GpuTraits, name: string, type: NativeType = 'f32'): Format =>
  traits.formats?.[name] ?? formatOfType(type) ?? 'f32'

/** Bytes that a part moves when every tensor is read or written once, in its own format. */
export const gpuBytes = (part: Part, traits: GpuTraits): number =>
  [
    ...part.in.map((name, i) => [name, part.cost.reads[i]!.elements] as const),
    ...part.out.map((name, i) => [name, part.cost.writes[i]!.elements] as const),
  ].reduce(
    (sum, [name, elements]) => sum + Math.ceil(elements * formatBytes[formatOf(traits, name, part.types?.[name])]),
    0,
  )

/** Every tensor of the programs as it lies in memory. */
export const gpuTensors = (
  programs: readonly Program[],
  traits: GpuTraits,
): Map<string, ProgramTensor & {format: Format; bytes: number}> =>
  new Map(
    [...tensorsOf(programs)].map(([name, tensor]) => {
      const format = formatOf(traits, name, tensor.type)
      return [name, {...tensor, format, bytes: Math.ceil(tensor.elements * formatBytes[format])}]
    }),
  )
