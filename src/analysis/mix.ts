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

/**
 * The measured mixes that stand for an operator: those with its share of stores, or the two beside it, of which the faster is the roof. Bandwidth
 * depends on the mix more than on anything else: in L2 of a Zen 4 an update in place moves 236 GB/s and a copy 115. That the faster of two bounds
 * what lies between holds where they are close: past the caches an Emerald Rapids core moves 26 GB/s of a copy, 24 of stores alone, and 28 to
 * 30 of one load to two or four stores, so that those have ceilings of their own. So have four and eight loads to one store: between
 * reading and two to one they cost a core 24 and 4 % of its L2 that neither of those shows.
 * @param reads bytes read
 * @param writes bytes written
 */
export function mixOf(reads: number, writes: number, {inPlace, streamed, has}: MixOptions = {}): readonly Mix[] {
  const total = reads + writes
  if (!(total > 0)) return ['read']
  const share = writes / total
  const all = byShare.map((entry) => ({share: entry.share, mixes: streamed ? entry.streamed : entry.mixes}))
  const measured = has ? all.filter(({mixes}) => mixes.some(has)) : all
  // where nothing but reading was, the caller has an answer of its own
  const entries = measured.some((entry) => entry.share > 0) ? measured : all
  const exact = entries.find((entry) => Math.abs(entry.share - share) <= near)
  const beside = [entries.findLast((entry) => entry.share < share), entries.find((entry) => entry.share > share)]
  const mixes = (exact ? [exact] : beside).flatMap((entry) => entry?.mixes ?? [])
  return inPlace && writes > 0 ? [...mixes, 'update'] : mixes
}
