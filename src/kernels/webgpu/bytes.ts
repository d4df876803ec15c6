/** Bytes of tensors in their own formats. Pure. */
import {type Part, type Program, tensorsOf} from '../program.ts'
import {type Format, formatBytes} from '../wgsl/shader.ts'
import type {GpuTraits} from './programs.ts'

/** How a tensor lies in memory. */
export const formatOf = (traits: GpuTraits, name: string): Format => traits.formats?.[name] ?? 'f32'

/** Bytes that a part moves when every tensor is read or written once, in its own format. */
export const gpuBytes = (part: Part, traits: GpuTraits): number =>
  [
    ...part.in.map((name, i) => [name, part.cost.reads[i]!.elements] as const),
    ...part.out.map((name, i) => [name, part.cost.writes[i]!.elements] as const),
  ].reduce((sum, [name, elements]) => sum + Math.ceil(elements * formatBytes[formatOf(traits, name)]), 0)

/** Bytes of every tensor. */
export const tensorBytes = (programs: readonly Program[], traits: GpuTraits): Map<string, number> =>
  new Map(
    [...tensorsOf(programs)].map(([name, {elements}]) => [
      name,
      Math.ceil(elements * formatBytes[formatOf(traits, name)]),
    ]),
  )
