/** Where a program lands under a measured CPU's roof. Pure functions. */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import {isRows, type Mix, type Moved, mixOf} from '../analysis/mix.ts'
import {type Gather, gatherLimit} from './gathers.ts'
import {
  executed,
  isStreamed,
  keptBytes,
  type Part,
  type Program,
  partTraffic,
  type SpecialOperation,
  type Specials,
  type Traffic,
  tensorBytes,
} from './program.ts'
import {cachesBefore, residenceOf} from './residence.ts'

/** The bandwidths of a memory level. */
interface LevelRates {
  /** whether a ceiling of the mix was measured */
  has(mix: Mix): boolean
  /** those of the given mixes, fastest first; where none was measured, of `others`, or of reading */
  bandwidth(mixes: readonly Mix[], others?: readonly Mix[]): readonly Ceiling[]
}

/** The ceilings that bound a program on one machine with a number of threads; the bandwidths are those of the level that holds the working set. */
export interface CpuRoof extends LevelRates {
  /** multiply-adds of a type (int8: dot products) */
  compute(dtype: NonNullable<Part['computes']>): Ceiling
  /** dot products of bytes, where they were measured */
  bytes: Ceiling | undefined
  /** whether it is a cache of a core's own */
  isNear: boolean
  /** memory, and whether the bandwidths are those of a cache before it: what is written past the caches goes there in any case */
  memory: LevelRates & {isBehind: boolean}
  /** what of the bytes may still lie in the cache before that level, and how fast it gives them */
  inner: (LevelRates & {share: number}) | undefined
  /** what rows in no order hold a gather from memory to, where that was measured */
  rows(gather: Gather): ReturnType<typeof gatherLimit>
  /** the caches before that level, innermost first: the most bytes that gathers may find in each or nearer, and how fast it is read */
  nearer: readonly (LevelRates & {holds: number})[]
  /** what computes exp, tanh, erf, divisions or roots, where that was measured */
  special(operation: SpecialOperation): Ceiling | undefined
}

const usable = (c: Ceiling): boolean => !['implausible', 'wrong', 'skipped', 'failed'].includes(c.verdict ?? 'ok')

const highest = (ceilings: readonly Ceiling[]): Ceiling | undefined =>
  ceilings.reduce<Ceiling | undefined>((top, c) => (top && top.value >= c.value ? top : c), undefined)

/**
 * Those with exactly `threads` threads; else those with the next more, which fewer do not exceed, nor as often what one thread has. Between one
 * thread and all only multiply-adds of f32 and reads and updates of memory are measured: what lies in a cache had stood under memory's rate there.
 */
function withThreads(ceilings: readonly Ceiling[], threads: number): readonly Ceiling[] {
  const counts = ceilings.map((c) => c.threads ?? Number.POSITIVE_INFINITY).filter((count) => count >= threads)
  const count = Math.min(...counts)
  const found = ceilings.filter((c) => (c.threads ?? Number.POSITIVE_INFINITY) === count)
  if (count === threads) return found
  return found.map((c) => {
    const one = ceilings.find((o) => o.threads === 1 && o.id === c.id.replace(/-t\d+$/, '-t1'))
    return one && threads * one.value < c.value ? {...c, value: threads * one.value} : c
  })
}

const order = ['L1', 'L2', 'L3', 'DRAM']

/**
 * The ceilings that apply to a program's working set.
 * @returns `undefined` where the machine has no f32 compute ceiling or no bandwidth, or none of a type that the program computes in
 */
export function roofFor(machine: Machine, programs: readonly Program[], threads: number): CpuRoof | undefined {
  const bytes = programs.reduce((sum, program) => sum + keptBytes(program), 0)
  const ceilings = machine.ceilings.filter(usable)
  const computeOf = (operation: NonNullable<Ceiling['operation']>, dtype: string) => {
    const all = ceilings.filter(
      (c) =>
        c.kind === 'compute' &&
        c.dtype === dtype &&
        (c.operation ?? 'fma') === operation &&
        (c.engine ?? 'vector') === 'vector',
    )
    return highest(withThreads(all, threads)) ?? highest(all)
  }
  const peaks = new Map(
    (['f32', 'f64', 'int8'] as const).map((dtype) => [dtype, computeOf(dtype === 'int8' ? 'dot' : 'fma', dtype)]),
  )
  const needed = programs.flatMap(({parts}) => parts.map(({computes}) => computes ?? 'f32'))
  const bandwidthsOf = (level: string) =>
    ceilings.filter((c) => c.kind === 'bandwidth' && c.level === level && !isRows(c))
  // A level that was not measured, on these threads or on more of them, is answered by the next outer one.
  const at = (level: string) => {
    const outwards = order.slice(order.indexOf(level)).map(bandwidthsOf)
    return [...outwards.map((found) => withThreads(found, threads)), ...outwards].find((found) => found.length > 0)
  }
  const rates = (found: readonly Ceiling[]): LevelRates => {
    const of = (wanted: readonly Mix[]) => found.filter((c) => wanted.includes(c.mix ?? 'read'))
    return {
      has: (mix) => of([mix]).length > 0,
      bandwidth: (mixes, others = []) => {
        const candidates = [of(mixes), of(others), of(['read']), found].find(({length}) => length > 0)!
        return candidates.toSorted((a, b) => b.value - a.value)
      },
    }
  }
  const {level, inner} = residenceOf(machine, bytes, threads)
  const here = at(level)
  const before = inner && inner.share > 0 ? at(inner.level) : undefined
  if (!here || needed.some((dtype) => !peaks.get(dtype))) return undefined
  return {
    compute: (dtype) => peaks.get(dtype)!,
    bytes: peaks.get('int8'),
    ...rates(here),
    isNear: level === 'L1' || level === 'L2',
    // a cache that was not measured is answered by memory itself: its reads and its stores wait for one another
    memory: {...rates(at('DRAM') ?? here), isBehind: here[0]!.level !== 'DRAM'},
    inner: before ? {...rates(before), share: inner!.share} : undefined,
    rows: (gather) => gatherLimit([...withThreads(ceilings.filter(isRows), threads), ...(at('DRAM') ?? [])], gather),
    nearer: cachesBefore(machine, level, threads).map((cache) => ({
      ...rates(at(cache.level) ?? here),
      holds: cache.holds,
    })),
    special: (operation) => computeOf(operation, 'f32'),
  }
}

/** Seconds that something takes at the least. */
interface Limit {
  seconds: number
  /** id of the ceiling that decides */
  bound: string
  /** that and every other ceiling that decides, or would if it fell */
  from: readonly Ceiling[]
}

/** A rate may fall to this share of the profile's, as clocks and shared memory do: what takes less of the time than that never decides. */
const lowest = 0.4

/** @param from fastest first */
const limitOf = (work: number, from: readonly Ceiling[]): Limit => ({
  seconds: work / from[0]!.value,
  bound: from[0]!.id,
  from,
})

/** The limit that decides of several that hold at once. */
function longest(limits: readonly Limit[]): Limit {
  const top = limits.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
  return {...top, from: limits.flatMap(({seconds, from}) => (seconds >= lowest * top.seconds ? from : []))}
}

/** What a part reads in no order: bytes of the tensor, of all its reads, of a row, and of those that `partTraffic` has counted. */
const gathersOf = (part: Part): {tensor: number; all: number; row: number; counted: number}[] =>
  part.in.flatMap((name, i) => {
    const bytes = (elements: number) => tensorBytes({elements, type: part.types?.[name] ?? 'f32'})
    const {elements: counted, gathered} = part.cost.reads[i]!
    if (!gathered?.elements) return []
    const tensor = bytes(part.elements?.[name] ?? counted)
    return [{tensor, all: bytes(gathered.elements), row: bytes(gathered.row), counted: bytes(counted)}]
  })

/**
 * What the caches before a level give of gathers: of a tensor that is read in no order again and again, one that holds a share of it answers at
 * most that share of the reads, the first of a pass too, since the last pass left it. Lines from a farther level wait for no nearer one: Zen 4 reads
 * two lines of L3 beside each one of DRAM in 1.0 to 1.5 times the time of that one alone, where the times one after the other are 1.5 to
 * 1.9. So each level is a limit of its own for what is found there or farther. That credits a shared cache with all that the system claims of it;
 * where rows in no order were measured, over a table that is no larger, what the caches really hold of it is in their rate.
 * @returns those limits, and the bytes that the level itself gives beyond those that `partTraffic` counts
 */
function gathersBefore(part: Part, {nearer, rows}: CpuRoof): {limits: Limit[]; beyond: number} {
  const gathers = gathersOf(part)
  const inRows = gathers.flatMap(({tensor, all, row}) => {
    // so much of a table do so many draws touch
    const touched = tensor * -Math.expm1(-all / tensor)
    const limit = rows({row, all, touched, stored: isStreamed(part) ? partTraffic(part).writes : 0})
    return limit ? [limitOf(limit.bytes, limit.from)] : []
  })
  const again = gathers.filter(({tensor, all}) => all > tensor)
  if (again.length === 0) return {limits: inRows, beyond: 0}
  const missed = (held: number) => again.reduce((sum, {tensor, all}) => sum + all * Math.max(0, 1 - held / tensor), 0)
  const limits = nearer.map(({bandwidth}, i) => limitOf(missed(nearer[i - 1]?.holds ?? 0), bandwidth(['read'])))
  const beyond = missed(nearer.at(-1)?.holds ?? 0) - again.reduce((sum, {counted}) => sum + counted, 0)
  return {limits: [...inRows, ...limits], beyond}
}

/** How a part stores: past the caches, and whether much of it is zeros (`Part`). */
interface Storing {
  streamed: boolean
  zeros: boolean
}

/** Seconds of bytes that are moved one part after the other; the ceiling of what takes longest is the one that is named. */
function movedTime(moved: readonly Moved[], level: LevelRates): Limit {
  const parts = moved.map(({mixes, bytes}) => limitOf(bytes, level.bandwidth(mixes)))
  const {bound} = parts.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
  return {bound, seconds: parts.reduce((sum, part) => sum + part.seconds, 0), from: parts.flatMap(({from}) => from)}
}

/**
 * Seconds of a level for bytes in the mixes beside theirs (`mixOf`), and besides no more can be stored or loaded than where nothing else is done.
 * A kernel that stores four bytes for each that it loads is held by its stores: 28 GB/s past the caches of a Zen 4, where a copy moves 48. Where
 * half are zeros, a level may store the other half alone, or all: the faster rate decides.
 */
function levelTime({reads, writes, inPlace}: Traffic, level: LevelRates, {streamed, zeros}: Storing): Limit {
  const bytes = reads + writes
  const movedAs = (stored: number, past: boolean) => mixOf(reads, stored, {inPlace, streamed: past, has: level.has})
  const own = movedAs(writes, streamed)
  // where none that passes the caches by was measured, those that do not
  const past = streamed && own.every(({mixes}) => mixes.some(level.has))
  const ways = (zeros ? [writes, writes / 2] : [writes]).map((stored) => {
    const moved = movedTime(movedAs(stored, past), level)
    return {...moved, seconds: bytes > 0 ? (moved.seconds * bytes) / (reads + stored) : 0}
  })
  const fastest = ways.reduce((a, b) => (a.seconds <= b.seconds ? a : b))
  const limits: Limit[] = [{...fastest, from: ways.flatMap(({from}) => from)}]
  const isBetween = zeros || own.flatMap(({mixes}) => mixes).length > 1
  const alone = (stored: number, mix: Mix) => level.has(mix) && limits.push(limitOf(stored, level.bandwidth([mix])))
  if (isBetween && !(inPlace && reads <= writes)) alone(reads, 'read')
  if (isBetween && !inPlace && !zeros) alone(writes, streamed ? 'nt-write' : 'write')
  return longest(limits)
}

/**
 * Seconds of what reads from a cache and writes past it: memory has the stores alone, and lines of a cache come beside them. Weights of 32 MiB
 * that two Emerald Rapids cores made f32 ran at 107 % of a roof that had them come from memory.
 */
function streamedTime({reads, writes}: Traffic, {bandwidth, memory}: CpuRoof): Limit {
  // a quick profile has no stores alone: the mix beside them, which is no slower
  const stores = mixOf(0, writes, {streamed: true, has: memory.has}).flatMap(({mixes}) => mixes)
  return longest([limitOf(writes, memory.bandwidth(stores, ['write'])), limitOf(reads, bandwidth(['read']))])
}

/**
 * Seconds that a part's bytes take at the least. Where something is updated in place, all of it at the rate of an update, the fastest of the
 * mixes, but what is read no faster than where nothing is written: Adam and momentum from memory stood at 107 to 121 % of a roof that took
 * their gradients before or after their updates.
 */
function trafficTime(part: Part, roof: CpuRoof): Limit {
  const isFar = isStreamed(part)
  const once = partTraffic(part)
  const gathered = gathersBefore(part, roof)
  const traffic = {...once, reads: once.reads + gathered.beyond}
  if (isFar && roof.memory.isBehind && !part.zeros) return longest([streamedTime(traffic, roof), ...gathered.limits])
  // of what is read in no order `gathersBefore` says what is found nearer
  const found = isFar && part.cost.reads.some(({gathered}) => gathered) ? 0 : (roof.inner?.share ?? 0)
  // a core's own caches take zeros as anything else
  const zeros = Boolean(part.zeros) && !roof.isNear
  // what was streamed is in no cache, but what is read may be: lines of a cache come beside those of memory
  if (isFar) {
    const inside = roof.inner ? [limitOf(found * traffic.reads, roof.inner.bandwidth(['read']))] : []
    const rest = {...traffic, reads: (1 - found) * traffic.reads}
    return longest([levelTime(rest, roof, {streamed: true, zeros}), ...inside, ...gathered.limits])
  }
  const outer = levelTime(traffic, roof, {streamed: false, zeros})
  const near = roof.inner && levelTime(traffic, roof.inner, {streamed: false, zeros})
  const [outside, inside] = [(1 - found) * outer.seconds, near ? found * near.seconds : 0]
  const moving = {
    seconds: outside + inside,
    bound: near && inside > outside ? near.bound : outer.bound,
    from: [...(outside > 0 ? outer.from : []), ...(near && inside > 0 ? near.from : [])],
  }
  return longest([moving, ...gathered.limits])
}

/** Behind the id of a compute ceiling: the multiplications inside of functions are what makes it decide. */
const withFunctions = '+functions'

/**
 * Multiply-adds in the part's type or, where those are faster, as products of bytes. Multiply-adds that scale sums of these wait for the same
 * unit: Zen 4 takes 4.0 cycles for four products of 64 bytes and 5.0 with one multiply-add beside them. Unpacking, shifting and converting,
 * which have other units there, are not counted. Golden Cove has none for them: all vectors of 64 bytes wait for the same two units, and
 * nobody measured a ceiling that says so. There this is a bound, but a distant one: of four instructions for 64 weights of 8 bits it counts
 * three, of 13 for 128 weights of 4 bits seven.
 */
function computeTime(part: Part, roof: CpuRoof): Limit {
  const plain = limitOf(executed(part), [roof.compute(part.computes ?? 'f32')])
  if (!part.byteProducts || !roof.bytes) return plain
  const products = limitOf(2 * part.byteProducts, [roof.bytes])
  const scaling = limitOf(2 * (part.byteScales ?? 0), [roof.compute('f32')])
  const seconds = products.seconds + scaling.seconds
  return seconds < plain.seconds ? {...products, seconds, from: [...products.from, ...scaling.from]} : plain
}

/** Seconds of functions: side by side, but divisions and roots, which share a unit, one after the other. */
function specialTimes(specials: Specials, roof: CpuRoof): Limit[] {
  const limits: Limit[] = []
  let dividing: Limit = {seconds: 0, bound: '', from: []}
  for (const [operation, count] of Object.entries(specials)) {
    const ceiling = roof.special(operation as SpecialOperation)
    if (!ceiling) continue
    const alone = limitOf(count, [ceiling])
    const shares = operation === 'divide' || operation === 'sqrt'
    if (shares)
      dividing = {...alone, seconds: dividing.seconds + alone.seconds, from: [...dividing.from, ...alone.from]}
    limits.push(shares ? dividing : alone)
  }
  return limits
}

/** Seconds that the roof allows for a part, and the ceilings that decide. */
export function partTime(part: Part, roof: CpuRoof): Limit {
  const compute = roof.compute(part.computes ?? 'f32')
  const limits = [trafficTime(part, roof), computeTime(part, roof)]
  // exp, tanh and erf are made of multiply-adds, which wait for the same unit as the operator's own: their times add up
  if (part.multiplies && (part.computes ?? 'f32') === 'f32') {
    const products = Math.min(part.cost.macs, part.cost.matrix / 2) + part.multiplies
    limits.push({...limitOf(2 * products, [compute]), bound: `${compute.id}${withFunctions}`})
  }
  const ways = [part.specials ?? {}, ...(part.otherwise ? [part.otherwise] : [])].map((way) => specialTimes(way, roof))
  // a way none of whose functions was measured says nothing
  if (ways.some((way) => way.length === 0)) return longest(limits)
  const times = ways.map(longest)
  const fastest = times.reduce((a, b) => (a.seconds <= b.seconds ? a : b))
  return longest([...limits, {...fastest, from: times.flatMap(({from}) => from)}])
}

/** Seconds that the roof allows for a program, part after part, and the ceiling that decides most of it. */
export function programTime(program: Program, roof: CpuRoof): {seconds: number; bound: string} {
  const times = program.parts.map((part) => partTime(part, roof))
  const seconds = times.reduce((sum, time) => sum + time.seconds, 0)
  const {bound} = times.reduce((a, b) => (a.seconds >= b.seconds ? a : b))
  return {seconds, bound}
}
