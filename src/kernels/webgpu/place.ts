/** Where a program lands under a measured GPU's roof. Pure functions. */
import type {Ceiling, Machine} from '../../analysis/document/machine.ts'
import {executed, type Part, type Program} from '../program.ts'
import {gpuBytes, gpuTensors} from './bytes.ts'
import type {GpuTraits} from './programs.ts'

/** The ceilings that bound a program on one GPU. */
export interface GpuRoof {
  compute: Ceiling
  bandwidth: Ceiling
  /** exp, tanh: transcendentals have a unit of their own */
  special: Ceiling | undefined
}

const usable = (c: Ceiling): boolean => !['implausible', 'wrong', 'skipped', 'failed'].includes(c.verdict ?? 'ok')

const highest = (ceilings: readonly Ceiling[]): Ceiling | undefined =>
  ceilings.reduce<Ceiling | undefined>((top, c) => (top && top.value >= c.value ? top : c), undefined)

/** Share of a cache that a working set may fill and still be counted as resident. */
const fill = 0.5

/** Programs compute in f32 and read and write: the f32 multiply-add, the best mix of the level that holds the tensors, e^x. */
export function gpuRoof(machine: Machine, programs: readonly Program[], traits: GpuTraits): GpuRoof | undefined {
  const bytes = [...gpuTensors(programs, traits).values()].reduce((sum, tensor) => sum + tensor.bytes, 0)
  const ceilings = machine.ceilings.filter(usable)
  const at = (operation: string) =>
    highest(
      ceilings.filter(
        (c) => c.kind === 'compute' && c.dtype === 'f32' && c.engine !== 'matrix' && c.operation === operation,
      ),
    )
  const storage = ceilings.filter((c) => c.kind === 'bandwidth' && c.mix !== undefined)
  const holds = (cache: string) =>
    (machine.identity.caches ?? []).some(({level, found}) => level === cache && bytes <= fill * (found ?? 0))
  // reads alone are measured in L1, and stores go through it: what lies there is bound by the faster of L1 and L2
  const near = holds('L1') ? ['L1', 'L2'] : holds('L2') ? ['L2'] : []
  const fastest = (levels: readonly string[]) => highest(storage.filter(({level}) => levels.includes(level ?? '')))
  const bandwidth = fastest(near) ?? fastest(['DRAM'])
  const compute = at('fma')
  return compute && bandwidth ? {compute, bandwidth, special: at('exp')} : undefined
}

/** Seconds that the roof allows for a program, part after part, and the ceiling that decides most of it. */
export function gpuTime(program: Program, roof: GpuRoof, traits: GpuTraits): {seconds: number; bound: string} {
  const times = program.parts.map((part: Part) => {
    const limits = [
      {seconds: executed(part) / roof.compute.value, bound: roof.compute.id},
      {seconds: gpuBytes(part, traits) / roof.bandwidth.value, bound: roof.bandwidth.id},
      ...(roof.special ? [{seconds: part.cost.special / roof.special.value, bound: roof.special.id}] : []),
    ]
    return limits.reduce((a, b) => (b.seconds > a.seconds ? b : a))
  })
  return {
    seconds: times.reduce((sum, {seconds}) => sum + seconds, 0),
    bound: times.reduce((a, b) => (b.seconds > a.seconds ? b : a)).bound,
  }
}
