/** Default sizes whose data comes from memory, however large the caches are. Pure. */
import type {KernelDef} from './families/types.ts'
import type {ClaimedCache} from './identity.ts'

/** What a size takes, in bytes. */
export interface SetBytes {
  /** what a pass may leave in caches: of several programs, the least of them */
  kept: number
  /** all tensors */
  all: number
}

/** The machine that it is for. */
export interface Room {
  caches: readonly ClaimedCache[]
  threads: number
  /** bytes that tensors may take */
  bytes: number
}

/**
 * Bytes of which a pass finds next to nothing in a cache: twice all that the system claims of the outermost caches that the threads have, as
 * for the ceilings of DRAM. What is claimed, not what a sweep finds: that differs from run to run where neighbours share it (Emerald Rapids,
 * 260 MiB claimed: reads fall to half of L3's rate between 64 and 180 MiB), and sizes with it.
 */
export function beyondCaches({caches, threads}: Pick<Room, 'caches' | 'threads'>): number {
  const outermost = caches.at(-1)
  return outermost ? 2 * outermost.claimed * Math.ceil(threads / outermost.sharedBy) : 0
}

/** A default size. */
export interface FromMemory {
  dims: readonly number[]
  /** there was no room for one that is beyond the caches */
  isShort: boolean
}

/**
 * The size from memory: as it is defined where its data is more than the caches hold (they are chosen for 32 MiB of L3), else `grows` by the
 * least whole factor with which it is, or the largest that there is room for.
 */
export function sizeFromMemory(
  {dims, sizes, grows}: Pick<KernelDef, 'dims' | 'sizes' | 'grows'>,
  bytesOf: (size: readonly number[]) => SetBytes,
  room: Room,
): FromMemory {
  if (!grows) return {dims: sizes.dram, isShort: false}
  const times = (factor: number) => sizes.dram.map((size, i) => (grows.includes(dims[i]!) ? size * factor : size))
  const beyond = beyondCaches(room)
  let found = sizes.dram
  for (let factor = 2; bytesOf(found).kept < beyond; factor++) {
    const next = times(factor)
    if (bytesOf(next).all > room.bytes) return {dims: found, isShort: true}
    found = next
  }
  return {dims: found, isShort: false}
}
