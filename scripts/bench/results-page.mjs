/** The page of `npm run bench:results`, and how its figures come about. Pure functions of what `perf` answers. */
import {blockTable, kernelTable, pairSummary, pairTable, summary} from './results-table.mjs'

/**
 * A ceiling is the highest that was seen: of two profiles the higher of each that contradicts no other of its own. A host that moves its guests
 * halves DRAM for minutes.
 */
export const highest = (one, other) => ({
  ...one,
  ceilings: one.ceilings.map((c) => {
    const again = other.ceilings.find(({id}) => id === c.id)
    if (!again || again.verdict === 'implausible') return c
    if (c.verdict === 'implausible') return again
    const better = c.kind === 'latency' ? again.value < c.value : again.value > c.value
    return better ? again : c
  }),
})

/**
 * An entry under a roof of all profiles; as it is where that roof has no ceiling for it.
 * @param {(entry: object) => {seconds: number, bound: string} | undefined} allowedOf the time that the roof allows, and what decides it
 * @param {(...shares: (number | null | undefined)[]) => boolean} isImplausible whether an entry contradicts every roof: src/analysis/plausible.ts
 */
export function settle(entry, allowedOf, isImplausible) {
  const allowed = allowedOf(entry)
  if (!allowed || !(entry.seconds.min > 0)) return entry
  const efficiency = allowed.seconds / entry.seconds.min
  const {inTurn, verdict} = entry
  // a rate above the ceilings of its own minutes is no wonder where they were higher before or after
  const believed = verdict === 'implausible' ? 'noisy' : verdict
  const contradicts = verdict !== 'wrong' && isImplausible(efficiency, inTurn?.efficiency, inTurn?.efficiencyMedian)
  return {...entry, bound: allowed.bound, efficiency, verdict: contradicts ? 'implausible' : believed}
}

/** Verdicts from a calm run to one that says nothing; a wrong result is never given up for another run. */
const verdicts = ['wrong', 'ok', 'noisy', 'throttled', 'implausible']
const sidesOf = (entry) => (entry.fused ? [entry.unfused, entry.fused] : [entry])
const rankOf = (entry) => Math.max(...sidesOf(entry).map(({verdict}) => verdicts.indexOf(verdict)))
/** Instruction slots that a neighbour on the core left, times what the deciding ceiling gave in the median between the repetitions. */
const leftBy = ({issue, inTurn}) =>
  (issue?.perCycle ?? 1) * (inTurn?.ceilings.find(({id}) => id === inTurn.bound)?.median ?? 1)
const calmOf = (entry) => sidesOf(entry).reduce((product, side) => product * leftBy(side), 1)

/** Whether another run of an entry or a pair may be calmer. */
export const isDisturbed = (entry) => rankOf(entry) > verdicts.indexOf('ok')

/**
 * Of two runs of an entry or a pair the one in which the host was calmer: by verdict, then by what it left to the ceilings in turn. What the
 * kernel reached has no say: of runs chosen by that, the best stands for luck.
 */
export function calmer(one, other) {
  if (sidesOf(one).some(({verdict}) => verdict === 'wrong')) return one
  if (sidesOf(other).some(({verdict}) => verdict === 'wrong')) return other
  const ranks = rankOf(one) - rankOf(other)
  if (ranks !== 0) return ranks < 0 ? one : other
  return calmOf(one) >= calmOf(other) ? one : other
}

/**
 * The page as Markdown.
 * @param {{machine: {name: string}, cpu: string, cores: number, node: string, date: string, command: string, tries: number,
 *   kernels: object[], blocks: object[], pairs: object[]}} run kernels and blocks as `settle` leaves them
 */
export const resultsPage = ({
  machine,
  cpu,
  cores,
  node,
  date,
  command,
  tries,
  kernels,
  blocks,
  pairs,
}) => `# Kernels and pairs: ${machine.name}

Machine: ${cpu}, ${cores} CPUs allowed, Node ${node}. Date: ${date}. Command: \`${command}\`.

${[...summary(kernels), ...pairSummary(pairs)].join('\n')}

How to read the tables ([conventions](../conventions.md#comparing), [glossary](../glossary.md)):

- **Of the roof**: the time that the roof allows for the kernel's loads, stores, type and functions ÷ the fastest repetition. The ceilings are the highest
  seen, before, after, and in earlier runs of the day. A verdict other than \`ok\` stands behind it.
- **In turn**: the same with the ceilings as they were between the same repetitions, best of both: a host halves clocks for seconds, and neighbours take
  DRAM for minutes. The counts above take this share where there is one.
- **Tries**: a row that was disturbed (noisy or throttled) was run up to ${tries} times, and the run stands in which the host was calmest, by its verdict
  and by what the ceilings in turn were left; what the kernel reached has no say in that.
- **By turns**: the median of each repetition under the ceilings beside it.
- **Bound by**: the ceiling that limits the kernel, \`what-where-tN\` on N threads. \`read\`, \`copy\`, \`4:1\` are mixes of loads and stores, \`nt-\` those that store past the
  caches, \`rows-\` rows in no order. \`+functions\` counts the multiply-adds inside of exp, tanh and erf beside the kernel's own.

## Kernels

${kernelTable(kernels)}

## A matrix product over block sizes

\`perf bench gemm-blocked --sweep --threads 1\`: square blocks, and last the blocks that the model of \`src/analysis/tiles.ts\` chooses, which our own product uses.

${blockTable(blocks)}

## Pairs

Speed-ups: unfused ÷ fused, medians, and what the profile predicts; in turn: medians of the turns, and what the ceilings of each predict.

${pairTable(pairs)}
`
