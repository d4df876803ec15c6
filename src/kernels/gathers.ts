/**
 * The ceiling of rows in no order: what a gather of whole rows gets from memory. Reading in order says nothing of it, and neither do a cache's
 * size and rate, since nobody knows how much of a shared cache there is: the probe finds there what a kernel finds. Pure.
 */
import type {Ceiling} from '../analysis/document/machine.ts'
import {beyondCaches} from './from-memory.ts'
import type {ClaimedCache} from './identity.ts'
import type {SampleSpec} from './native.ts'

type Mix = NonNullable<Ceiling['mix']>

const KiB = 1024
const MiB = 1024 * KiB

/** Bytes of a row, ascending (native/core/gather.h has the same), and the mixes of rows read alone and beside stores past the caches. */
const lengths: readonly {row: number; alone: Mix; stored: Mix}[] = [
  {row: 64, alone: 'rows-64', stored: 'nt-rows-64'},
  {row: 512, alone: 'rows-512', stored: 'nt-rows-512'},
  {row: 4096, alone: 'rows-4096', stored: 'nt-rows-4096'},
]

/** Rows that are read for each that is stored: native/core/gather.h. */
const perStore = 8

/** Bytes of rows that a pass of the probe reads: native/core/gather.h. */
export const gatherBytes = 4 * MiB
/** Bytes behind a table that it writes: native/core/gather.h. */
export const writtenBytes = 4 * MiB

type Asking = Required<Pick<SampleSpec, 'ahead' | 'burst' | 'again'>>

/**
 * How rows are asked for, of which the best counts: a little ahead, far ahead, and far ahead in bursts and once more, which Zen 4 needs: it forgets
 * what it is asked for while its queue is full (rows of 512 B, one thread: 14 GB/s for 27 to 29). An Emerald Rapids core moves 14.1, 15.9 and 15.4 GB/s
 * of rows of 512 B that lie 8, 32 and 64 KiB ahead, and 7.5 of lines alone at any distance from 3 KiB.
 */
const askings: readonly (Asking & {name: string})[] = [
  {name: 'near', ahead: 8 * KiB, burst: 0, again: 0},
  {name: 'far', ahead: 40 * KiB, burst: 0, again: 0},
  {name: 'bursts', ahead: 128 * KiB, burst: 4 * KiB, again: 32 * KiB},
]

/** Passes of a repetition: 0.5 ms at 15 GB/s. */
const passes = 2

/** A ceiling's mix with what its probes ask of a session. */
export interface RowProbes {
  mix: Mix
  probes: {name: string; spec: Asking & Pick<SampleSpec, 'row' | 'stores' | 'passes'>}[]
}

/** The probes of rows, those of one mix beside one another. */
export const rowProbes: readonly RowProbes[] = lengths.flatMap(({row, alone, stored}) =>
  [
    {mix: alone, stores: false},
    {mix: stored, stores: true},
  ].map(({mix, stores}) => ({
    mix,
    probes: askings.map(({name, ...asking}) => ({name, spec: {...asking, row, stores, passes}})),
  })),
)

/** The largest table that a default size from memory does not fall short of, where caches are small: x of spmm has 98 MiB. */
const smallest = 96 * MiB
/** And where they are large, of what is beyond them: nodes of 512 B have ten edges of 4 or 8 B each. */
const ofBeyond = 7 / 8

/**
 * Bytes of the table of each thread, whole rows of 4 KiB. Of a larger table less is found in caches, so that the ceiling bounds every gather of
 * one as large or larger: the smallest that default sizes from memory have. `undefined` where there is no room for one that is larger than the caches.
 * @param room bytes that each thread has for it
 */
export function tableOf(caches: readonly ClaimedCache[], threads: number, room: number): number | undefined {
  const beyond = beyondCaches({caches, threads})
  const wanted = Math.max(smallest, ofBeyond * beyond) / threads
  const bytes = Math.floor(Math.min(wanted, room - writtenBytes) / 4096) * 4096
  return bytes > 0 && bytes * threads > beyond / 2 ? bytes : undefined
}

/** What a gather takes, in bytes. */
export interface Gather {
  /** of one row */
  row: number
  /** of all rows that it takes */
  all: number
  /** of different rows among them */
  touched: number
  /** that it stores past the caches besides */
  stored: number
}

const line = 64

/**
 * What rows in no order hold a gather to: bytes, and the ceilings that decide, fastest first. Those of rows as long, or of those beside, of which the
 * faster decides, and of reading in order beyond the longest. Stores count as far as there are ceilings with stores: rows with one in eight stored are
 * as many bytes a second as rows alone, more or less (Emerald Rapids, rows of 512 B, one and two threads: 15.8 and 31.3 GB/s alone, 17.0 and 33.9 with
 * stores), so that the faster decides again.
 * @param ceilings of memory, on the threads in question
 * @returns `undefined` where none was measured, or over a larger table
 */
export function gatherLimit(
  ceilings: readonly Ceiling[],
  {row, all, touched, stored}: Gather,
): {bytes: number; from: readonly Ceiling[]} | undefined {
  const of = (mix: Mix) => {
    const ceiling = ceilings.find((c) => c.mix === mix)
    const table = (ceiling?.workingSet ?? Number.POSITIVE_INFINITY) * (ceiling?.threads ?? 1)
    return table <= touched ? ceiling : undefined
  }
  const known = lengths.filter(({alone}) => of(alone))
  const longer = known.find((length) => length.row >= row)
  const beside = [...new Set([known.findLast((length) => length.row <= row), longer])].filter((l) => l !== undefined)
  if (beside.length === 0) return undefined
  // a row of 36 B is a line of 64
  const lines = (all / row) * Math.ceil(row / line) * line
  const alone = beside.map((length) => of(length.alone)!)
  const withStores = beside.flatMap((length) => of(length.stored) ?? [])
  const inOrder = longer ? [] : ceilings.filter(({mix}) => mix === 'read')
  const isStored = longer !== undefined && withStores.length === beside.length && stored > 0
  const from = [...alone, ...inOrder, ...(isStored ? withStores : [])].sort((a, b) => b.value - a.value)
  return {bytes: lines + (isStored ? Math.min(stored, lines / perStore) : 0), from}
}
