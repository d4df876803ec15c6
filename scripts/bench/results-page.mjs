/** The page of `npm run bench:results`, and how its figures come about. Pure functions of what `perf` answers. */
import {blockTable, kernelTable, pairSummary, pairTable, summary} from './results-table.mjs'

/** A ceiling is the highest that was seen: of two profiles the higher of each. A host that moves its guests halves DRAM for minutes. */
export const highest = (one, other) => ({
  ...one,
  ceilings: one.ceilings.map((c) => {
    const again = other.ceilings.find(({id}) => id === c.id)
    if (!again) return c
    const better = c.kind === 'latency' ? again.value < c.value : again.value > c.value
    return better ? again : c
  }),
})

/**
 * An entry under a roof of all profiles; as it is where that roof has no ceiling for it.
 * @param {(entry: object) => {seconds: number, bound: string} | undefined} allowedOf the time that the roof allows, and what decides it
 */
export function settle(entry, allowedOf) {
  const allowed = allowedOf(entry)
  return allowed && entry.seconds.min > 0
    ? {...entry, bound: allowed.bound, efficiency: allowed.seconds / entry.seconds.min}
    : entry
}

/**
 * The page as Markdown.
 * @param {{machine: {name: string}, cpu: string, cores: number, node: string, date: string, command: string, kernels: object[],
 *   blocks: object[], pairs: object[]}} run kernels and blocks as `settle` leaves them
 */
export const resultsPage = ({
  machine,
  cpu,
  cores,
  node,
  date,
  command,
  kernels,
  blocks,
  pairs,
}) => `# Kernels and pairs: ${machine.name}

Machine: ${cpu}, ${cores} CPUs allowed, Node ${node}. Date: ${date}. Command: \`${command}\`.

${[...summary(kernels), ...pairSummary(pairs)].join('\n')}

**Of the roof**: the time that the ceilings allow for the mix, the type and the functions of the kernel ÷ the fastest repetition; the ceilings are the highest seen, before and
after and in earlier runs of the day. **In turn**: the same with the ceilings as they were between the same repetitions, best of both; the host of a
virtual machine halves clocks for seconds and moves processors, and neighbours take DRAM for minutes. **By turns**: the median of each repetition under the ceilings
beside it. The counts above take the share in turn where there is one. A bound with
\`+functions\` counts the multiply-adds inside of exp, tanh and erf beside the kernel's own; any other is the lowest single ceiling. A verdict other than \`ok\` stands behind the share.

## Kernels

${kernelTable(kernels)}

## A matrix product over block sizes

\`perf bench gemm-blocked --sweep --threads 1\`: square blocks, and last the blocks that the model of \`src/analysis/tiles.ts\` chooses, which our own product uses.

${blockTable(blocks)}

## Pairs

Speed-ups: unfused ÷ fused, medians, and what the profile predicts; in turn: medians of the turns, and what the ceilings of each predict.

${pairTable(pairs)}
`
