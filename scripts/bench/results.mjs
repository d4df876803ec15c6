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
import {highest, resultsPage, settle} from './results-page.mjs'
import {kernelTable, pairSummary, pairTable, summary} from './results-table.mjs'

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
    contents: `export {kernelIds, kernels, pairIds} from './src/kernels/registry.ts'; export {allowedTime} from './src/kernels/bench.ts'; export {isImplausible} from './src/analysis/plausible.ts'`,
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

const {allowedTime, isImplausible, kernelIds, kernels: definitions, pairIds} = await sources()
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
/** The time that the roof of all profiles allows an entry. */
const allowedOf = ({id, dims, dtype, threads}) =>
  allowedTime(definitions[id].program(Object.values(dims), dtype), machine, threads)
const sides = pairs.flatMap(({unfused, fused}) => [unfused, fused])

const command = `npm run bench:results -- ${name}`
writeFileSync(
  `${file}.json`,
  `${JSON.stringify({about: 'ceilings, kernels and pairs of one run', command, machine, kernels: [...kernels, ...blocks, ...sides]})}\n`,
)
writeFileSync(
  `${file}.md`,
  resultsPage({
    ...{machine, cpu: cpus()[0].model, cores: all, node: process.version, date, command, pairs},
    kernels: kernels.map((entry) => settle(entry, allowedOf, isImplausible)),
    blocks: blocks.map((entry) => settle(entry, allowedOf, isImplausible)),
  }),
)
process.stdout.write(`${file}.json, ${file}.md: ${kernels.length} kernel runs, ${pairs.length} pair runs\n`)
