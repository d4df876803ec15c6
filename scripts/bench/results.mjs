#!/usr/bin/env node
/**
 * The whole table of the native kernels on this machine: `npm run bench:results -- NAME`, a quarter of an hour where the host is calm and
 * up to three where it is not, since what it disturbed is run up to three times (`--tries N`). Measures the ceilings (full),
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
import {calmer, highest, isDisturbed, resultsPage, settle} from './results-page.mjs'
import {kernelTable, pairSummary, pairTable, summary} from './results-table.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const options = {only: {type: 'string'}, threads: {type: 'string'}, tries: {type: 'string', default: '3'}}
const {values, positionals} = readFlags(import.meta.url, {options, positionals: 1})
const only = values.only?.split(',')
const tries = Number(values.tries)
const [name] = positionals
if (!(Number.isInteger(tries) && tries >= 1 && tries <= 10))
  refuse(`--tries "${values.tries}" is not a whole number from 1 to 10`)
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
const jobs = (ids, run) =>
  counts.flatMap((threads) => ids.map((id) => ({run: () => run(id, String(threads)), entries: []})))
// by name, one after the other: each gets its twenty turns
const kernelJobs = jobs(chosen(kernelIds), (id, threads) => perf('bench', id, '--threads', threads).kernels)
const pairJobs = jobs(chosen(pairIds), (id, threads) => perf('compare', '--fused', id, '--threads', threads).pairs)
/** Runs every job, then those again in which the host disturbed an entry: minutes later it may be calmer. */
for (let turn = 0; turn < tries; turn++)
  for (const job of [...kernelJobs, ...pairJobs]) {
    if (turn > 0 && !job.entries.some(isDisturbed)) continue
    const again = job.run()
    job.entries = again.map((entry, i) => (turn === 0 ? entry : calmer(job.entries[i], entry)))
  }
const kernels = kernelJobs.flatMap(({entries}) => entries)
const pairs = pairJobs.flatMap(({entries}) => entries)

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

const command = `npm run bench:results -- ${name}${values.tries === options.tries.default ? '' : ` --tries ${tries}`}`
writeFileSync(
  `${file}.json`,
  `${JSON.stringify({about: 'ceilings, kernels and pairs of one run', command, machine, kernels: [...kernels, ...blocks, ...sides]})}\n`,
)
writeFileSync(
  `${file}.md`,
  resultsPage({
    ...{machine, cpu: cpus()[0].model, cores: all, node: process.version, date, command, tries, pairs},
    kernels: kernels.map((entry) => settle(entry, allowedOf, isImplausible)),
    blocks: blocks.map((entry) => settle(entry, allowedOf, isImplausible)),
  }),
)
process.stdout.write(`${file}.json, ${file}.md: ${kernels.length} kernel runs, ${pairs.length} pair runs\n`)
