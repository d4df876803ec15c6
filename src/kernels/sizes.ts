/** Which definitions run, at which sizes and in which types. Pure but for `roomHere`. */
import {AnalysisError, quoted, type Warning} from '../analysis/errors.ts'
import {format} from '../analysis/units.ts'
import {checkDims} from './dims.ts'
import {beyondCaches, type FromMemory, type Room, type SetBytes, sizeFromMemory} from './from-memory.ts'
import {freeMemory, readIdentity} from './identity.ts'
import {bytesOf, keptBytes, type Program} from './program.ts'
import type {KernelDef, KernelDType} from './registry.ts'
import type {RunOptions} from './run.ts'

/** Most sizes of a sweep. */
const sweepPoints = 8

/**
 * The sizes that a definition lists for its sweep, else sizes from a core's own cache to memory: one dimension grows by the same factor,
 * four or more, up to its size in memory.
 * @param dram that size where caches made it grow
 * @returns the dimension's name, and all dims of every size
 */
export function sweepOf(
  def: Pick<KernelDef, 'dims' | 'sizes' | 'sweep'>,
  dram: readonly number[] = def.sizes.dram,
): {dim: string; sizes: readonly (readonly number[])[]} {
  if (def.sweep && 'sizes' in def.sweep) return def.sweep
  const {cache} = def.sizes
  const dim = def.sweep?.dim ?? def.dims.find((_, i) => dram[i]! > cache[i]!) ?? def.dims[0]!
  const at = def.dims.indexOf(dim)
  const to = dram[at]!
  const from = Math.min(to, def.sweep?.from ?? 1)
  const factor = Math.max(4, (to / from) ** (1 / (sweepPoints - 1)))
  const steps = Math.floor(Math.log(to / from) / Math.log(factor) + 1e-9)
  const values = Array.from({length: steps + 1}, (_, i) => Math.round(to / factor ** (steps - i)))
  return {dim, sizes: [...new Set(values)].map((value) => dram.map((size, i) => (i === at ? value : size)))}
}

/** Share of the free memory that default sizes may grow into. */
const growth = 0.25

/**
 * Bytes that they may grow to in any case, of what is asked for by name and of all in one run, which have a minute: an Emerald Rapids guest is
 * handed memory at 0.3 GB/s by its host.
 */
const mostRoom = {named: 3 * 2 ** 30, all: 1.5 * 2 ** 30}

/** This machine, for default sizes. */
function roomHere(threads: number | undefined, most: number): Room {
  const {caches, cores} = readIdentity()
  return {caches, threads: threads ?? cores, bytes: Math.min(most, growth * freeMemory())}
}

/** The size from memory of what is run there, each program by itself. */
function largestOf(
  def: Pick<KernelDef, 'dims' | 'sizes' | 'grows'>,
  room: Room,
  programs: (size: readonly number[]) => readonly Program[],
): FromMemory {
  const bytes = (size: readonly number[]): SetBytes => {
    const sides = programs(size)
    return {kept: Math.min(...sides.map(keptBytes)), all: bytesOf(sides)}
  }
  return sizeFromMemory(def, bytes, room)
}

/** A definition at one size in one type. */
export interface Run<D> {
  def: D
  dims: readonly number[]
  dtype: KernelDType
  /** its size from memory; `undefined` where one size was asked for */
  largest?: FromMemory
}

/** All runs, and what is to be said of their sizes. */
export interface Planned<D> {
  runs: Run<D>[]
  warnings: Warning[]
}

/** Says where sizes from memory are not beyond the caches, since no more room is given to them, and how they get more. */
function sizeWarnings(runs: readonly Run<{id: string}>[], room: Room, isNamed: boolean): Warning[] {
  const short = [...new Set(runs.flatMap(({def, largest}) => (largest?.isShort ? [def.id] : [])))]
  if (short.length === 0) return []
  const names = `${short.slice(0, 3).join(', ')}${short.length > 3 ? ` and ${short.length - 3} more` : ''}`
  const isFull = room.bytes < (isNamed ? mostRoom.named : mostRoom.all)
  const why = isFull
    ? 'a quarter of the free memory'
    : isNamed
      ? 'the most of a default size'
      : 'the most where all run'
  const byName = isFull || isNamed ? '' : `asked for by name it may take ${format(mostRoom.named, 'B')}, and `
  const message = `${names}: the size from memory ends at ${format(room.bytes, 'B')} of tensors, ${why}, before it is twice the caches (${format(beyondCaches(room), 'B')}): they may hold a part of it; ${byName}--dims gives any size`
  return [{code: 'size-short', message}]
}

/**
 * What is to run: each definition at its sizes, in every type it has or in the one that is asked for.
 * @param isNamed they were asked for by name
 * @param programs what is run at a size, each by itself
 * @param room the machine; default this one
 * @throws {AnalysisError} `bad-flag` where nothing computes in that type
 */
export function runsOf<D extends Omit<KernelDef, 'program'>>(
  defs: readonly D[],
  options: RunOptions,
  isNamed: boolean,
  programs: (def: D, dims: readonly number[], dtype: KernelDType) => readonly Program[],
  room: Room = roomHere(options.threads, isNamed ? mostRoom.named : mostRoom.all),
): Planned<D> {
  const {sizes, dtype, sweep} = options
  const typesOf = (def: D): readonly KernelDType[] => def.dtypes ?? ['f32']
  const runsIn = (def: D, type: KernelDType): Run<D>[] => {
    if (sizes) {
      for (const dims of sizes) checkDims(def, dims)
      return sizes.map((dims) => ({def, dims, dtype: type}))
    }
    const largest = largestOf(def, room, (size) => programs(def, size, type))
    const own = sweep ? sweepOf(def, largest.dims).sizes : [def.sizes.cache, largest.dims]
    return own.map((size) => ({def, dims: size, dtype: type, largest}))
  }
  const runs = defs.flatMap((def) =>
    typesOf(def)
      .filter((type) => dtype === undefined || type === dtype)
      .flatMap((type) => runsIn(def, type)),
  )
  if (runs.length > 0) return {runs, warnings: sizeWarnings(runs, room, isNamed)}
  const types = [...new Set(defs.flatMap(typesOf))]
  const names = defs.map(({id}) => id).join(', ')
  throw new AnalysisError(
    'bad-flag',
    `${names} has no kernel in ${quoted(dtype ?? '')}; there is ${types.join(', ')}`,
    [`--dtype ${types[0]}`],
  )
}
