/** Which mix of loads and stores an operator is, by the bytes that it reads and writes. Pure. */
import type {Ceiling} from './document/machine.ts'

export type Mix = NonNullable<Ceiling['mix']>

/** Whether a ceiling is one of rows in no order: caches give a part of them, so that it is no rate of its level for anything else. */
export const isRows = ({mix}: Pick<Ceiling, 'mix'>): boolean => mix !== undefined && /^(?:nt-)?rows-/.test(mix)

/** Mixes by the share of stores in their bytes, ascending: with regular stores, and with those that pass the caches by. */
const byShare: readonly {share: number; mixes: readonly Mix[]; streamed: readonly Mix[]}[] = [
  {share: 0, mixes: ['read'], streamed: ['read']},
  {share: 1 / 9, mixes: ['8:1'], streamed: ['nt-8:1']},
  {share: 1 / 5, mixes: ['4:1'], streamed: ['nt-4:1']},
  {share: 1 / 3, mixes: ['2:1', 'triad'], streamed: ['nt-2:1']},
  {share: 1 / 2, mixes: ['copy'], streamed: ['nt-copy']},
  {share: 2 / 3, mixes: ['1:2'], streamed: ['nt-1:2']},
  {share: 4 / 5, mixes: ['1:4'], streamed: ['nt-1:4']},
  {share: 1, mixes: ['write'], streamed: ['nt-write']},
]

/** Shares within this distance are the same mix: a bias or a gamma beside a large tensor changes nothing. */
const near = 0.02

/** What mixes stand for an operator. */
export interface MixOptions {
  /** every line that is written was read at the same place */
  inPlace?: boolean
  /** stores pass the caches by */
  streamed?: boolean
  /** whether there is a ceiling of a mix; without it there is one of each */
  has?: (mix: Mix) => boolean
}

/** Bytes that are moved as one mix, for which the fastest of `mixes` stands. */
export interface Moved {
  mixes: readonly Mix[]
  bytes: number
}

/**
 * The measured mixes that an operator's bytes are moved in. Bandwidth depends on the mix more than on anything else: in L2 of a Zen 4 an update in
 * place moves 236 GB/s and a copy 115. A mix that was measured stands for itself. Between two neighbours of the table bytes are moved in both,
 * one part after the other, so that reads and writes add up. That is a model of what a core reaches, and no bound: moving both at once may be
 * faster, or slower. On Emerald Rapids it is neither: of 18 mixes between (16:1 to 1:16, one and two threads, lines that follow one another)
 * L2 moved 95 to 101 % of it, memory past the caches 97 to 103 and through them 95 to 104 (once 107; 85 to 93 at 1:6 and beyond), where the faster of
 * two neighbours is up to 20 % above. Next to reading alone stores come nearly free: 16:1 moves 105 % from L2, 101 to 102 from memory.
 *
 * Where a mix between two was not measured, as in a quick profile, the faster of them decides: moving first a copy and then stores alone would
 * take 15 % longer than one load to two stores, which memory takes faster than either (29 GB/s past the caches of that core, 26 and 24). So it does
 * beside updates in place, in which order reads and writes come is not known.
 * @param reads bytes read
 * @param writes bytes written
 * @returns what is moved, one after the other
 */
export function mixOf(reads: number, writes: number, {inPlace, streamed, has}: MixOptions = {}): readonly Moved[] {
  const bytes = reads + writes
  if (!(bytes > 0)) return [{mixes: ['read'], bytes: 0}]
  const share = writes / bytes
  const all = byShare.map((entry, at) => ({share: entry.share, at, mixes: streamed ? entry.streamed : entry.mixes}))
  const measured = has ? all.filter(({mixes}) => mixes.some(has)) : all
  // where nothing but reading was, the caller has an answer of its own
  const entries = measured.some((entry) => entry.share > 0) ? measured : all
  const exact = entries.find((entry) => Math.abs(entry.share - share) <= near)
  const less = exact ?? entries.findLast((entry) => entry.share < share)
  const more = exact ?? entries.find((entry) => entry.share > share)
  const isUpdate = inPlace && writes > 0
  if (!isUpdate && less && more && more.at === less.at + 1) {
    const part = (share - less.share) / (more.share - less.share)
    return [
      {mixes: less.mixes, bytes: (1 - part) * bytes},
      {mixes: more.mixes, bytes: part * bytes},
    ]
  }
  const mixes = [...new Set([less, more])].flatMap((entry) => entry?.mixes ?? [])
  return [{mixes: isUpdate ? [...mixes, 'update'] : mixes, bytes}]
}
