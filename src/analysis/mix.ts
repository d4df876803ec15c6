/** Which mix of loads and stores an operator is, by the bytes that it reads and writes. Pure. */
import type {Ceiling} from './document/machine.ts'

export type Mix = NonNullable<Ceiling['mix']>

/** Mixes by the share of stores in their bytes, ascending: with regular stores, and with those that pass the caches by. */
const byShare: readonly {share: number; mixes: readonly Mix[]; streamed: readonly Mix[]}[] = [
  {share: 0, mixes: ['read'], streamed: ['read']},
  {share: 1 / 3, mixes: ['2:1', 'triad'], streamed: ['nt-2:1']},
  {share: 1 / 2, mixes: ['copy'], streamed: ['nt-copy']},
  {share: 1, mixes: ['write'], streamed: ['nt-write']},
]

/** Shares within this distance are the same mix: a bias or a gamma beside a large tensor changes nothing. */
const near = 0.02

/**
 * The measured mixes that stand for an operator: those with its share of stores, or the two beside it, of which the faster is the roof,
 * so that no operator between two mixes can exceed it. Bandwidth depends on the mix more than on anything else: in L2 of a Zen 4 an
 * update in place moves 236 GB/s and a copy 115.
 * @param reads bytes read
 * @param writes bytes written
 * @param inPlace every line that is written was read at the same place
 * @param streamed stores pass the caches by
 */
export function mixOf(reads: number, writes: number, inPlace = false, streamed = false): readonly Mix[] {
  const total = reads + writes
  if (!(total > 0)) return ['read']
  const share = writes / total
  const exact = byShare.find((entry) => Math.abs(entry.share - share) <= near)
  const after = byShare.findIndex((entry) => entry.share > share)
  const beside = exact ? [exact] : [byShare[after - 1]!, byShare[after]!]
  const mixes = beside.flatMap((entry) => (streamed ? entry.streamed : entry.mixes))
  return inPlace && writes > 0 ? [...mixes, 'update'] : mixes
}
