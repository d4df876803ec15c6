#!/usr/bin/env node
/**
 * The whole table of the native kernels on this machine: `npm run bench:results -- NAME`, a quarter of an hour. Measures the ceilings (full),
 * every kernel in a cache and from memory and every pair, on one thread and on all, and writes docs/results/DATE-bench-NAME.json (checked by
 * tests/kernels/results.test.ts) and .md. Needs `npm run build` first.
 *
 * `npm run bench:results -- --only gelu,softmax [--threads 1]` runs these kernels, and the pairs of that name, under the saved profile and prints
 * their tables: nothing is written.
 */
import {execFileSync} from 'node:child_process'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {availableParallelism, cpus} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {build} from 'esbuild'
import {readFlags, refuse} from './flags.mjs'
import {blockTable, kernelTable, pairSummary, pairTable, summary} from './results-table.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const options = {only: {type: 'string'}, threads: {type: 'string'}}
const {values, positionals} = readFlags(import.meta.url, {options, positionals: 1})
const only = values.only?.split(',')
const [name] = positionals
if (!only && (!name || !/^[a-z0-9-]+$/.test(name)))
  refuse(
    'usage: npm run bench:results -- NAME   (NAME names the machine: zen4, cascade-lake), or -- --only gelu,softmax',
  )

/** What the tool itself knows of kernels and their roof, from the sources. */
async function sources() {
  const stdin = {
    contents: `export {kernelIds, kernels, pairIds} from './src/kernels/registry.ts'; export {allowedTime} from './src/kernels/bench.ts'`,
    resolveDir: root,
  }
  const {outputFiles} = await build({stdin, bundle: true, write: false, format: 'esm', platform: 'node'})
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
}

const perf = (...args) => {
  process.stderr.write(`perf ${args.join(' ')}\n`)
  const words = [join(root, 'bin', 'perf.js'), ...args, '--json', '--quiet']
  const text = execFileSync(process.execPath, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
  return JSON.parse(text).result
}

/** A ceiling is the highest that was seen: of two profiles the higher of each. A host that moves its guests halves DRAM for minutes. */
const highest = (one, other) => ({
  ...one,
  ceilings: one.ceilings.map((c) => {
    const again = other.ceilings.find(({id}) => id === c.id)
    if (!again) return c
    const better = c.kind === 'latency' ? again.value < c.value : again.value > c.value
    return better ? again : c
  }),
})

const {allowedTime, kernelIds, kernels: definitions, pairIds} = await sources()
const chosen = (all) => (only ? all.filter((id) => only.includes(id)) : all)
const unknown = only?.filter((id) => !kernelIds.includes(id) && !pairIds.includes(id)) ?? []
if (unknown.length > 0) refuse(`no kernel or pair is called ${unknown.join(', ')}`, 3)

const before = only ? undefined : perf('measure', 'cpu')
const all = before?.identity.cores ?? availableParallelism()
const counts = values.threads ? [Number(values.threads)] : all > 1 ? [1, all] : [1]
const withThreads = (ids, run) => counts.flatMap((threads) => ids.flatMap((id) => run(id, String(threads))))
// by name, one after the other: each gets its twenty turns
const kernels = withThreads(chosen(kernelIds), (id, threads) => perf('bench', id, '--threads', threads).kernels)
const pairs = withThreads(chosen(pairIds), (id, threads) => perf('compare', '--fused', id, '--threads', threads).pairs)

if (only) {
  const parts = [kernelTable(kernels), ...(pairs.length > 0 ? [pairTable(pairs)] : [])]
  process.stdout.write(`${parts.join('\n\n')}\n\n${[...summary(kernels), ...pairSummary(pairs)].join('\n')}\n`)
  process.exit(0)
}

const blocks = perf('bench', 'gemm-blocked', '--sweep', '--threads', '1').kernels
const date = new Date().toISOString().slice(0, 10)
const file = join(root, 'docs', 'results', `${date}-bench-${name}`)
/** What an earlier run of this day found on this machine. */
const earlier = existsSync(`${file}.json`) ? JSON.parse(readFileSync(`${file}.json`, 'utf8')).machine : before
const machine = highest(highest(before, perf('measure', 'cpu')), earlier.name === before.name ? earlier : before)
/** Under the roof of all profiles. */
const settle = (entry) => {
  const program = definitions[entry.id].program(Object.values(entry.dims), entry.dtype)
  const allowed = allowedTime(program, machine, entry.threads)
  return allowed && entry.seconds.min > 0
    ? {...entry, bound: allowed.bound, efficiency: allowed.seconds / entry.seconds.min}
    : entry
}
const settled = kernels.map(settle)
const sides = pairs.flatMap(({unfused, fused}) => [unfused, fused])

const command = `npm run bench:results -- ${name}`
writeFileSync(
  `${file}.json`,
  `${JSON.stringify({about: 'ceilings, kernels and pairs of one run', command, machine, kernels: [...kernels, ...blocks, ...sides]})}\n`,
)
writeFileSync(
  `${file}.md`,
  `# Kernels and pairs: ${machine.name}

Machine: ${cpus()[0].model}, ${all} CPUs allowed, Node ${process.version}. Date: ${date}. Command: \`${command}\`.

${[...summary(settled), ...pairSummary(pairs)].join('\n')}

**Of the roof**: the time that the ceilings allow for the mix, the type and the functions of the kernel ÷ the fastest repetition; the ceilings are the highest seen, before and
after and in earlier runs of the day. **In turn**: the same with the bandwidths of L3 and DRAM that were measured between the same repetitions, best of
both; the host of this machine moves its processors, and neighbours take DRAM for minutes. **By turns**: the median of each repetition under the ceilings
beside it. The counts above take the share in turn where there is one. A bound with
\`+functions\` counts the multiply-adds inside of exp, tanh and erf beside the kernel's own; any other is the lowest single ceiling. A verdict other than \`ok\` stands behind the share.

## Kernels

${kernelTable(settled)}

## A matrix product over block sizes

\`perf bench gemm-blocked --sweep --threads 1\`: square blocks, and last the blocks that the model of \`src/analysis/tiles.ts\` chooses, which our own product uses.

${blockTable(blocks.map(settle))}

## Pairs

Speed-ups: unfused ÷ fused, medians, and what the profile predicts; in turn: medians of the turns, and what the bandwidths of each predict.

${pairTable(pairs)}
`,
)
process.stdout.write(`${file}.json, ${file}.md: ${kernels.length} kernel runs, ${pairs.length} pair runs\n`)
