#!/usr/bin/env node
/**
 * The whole table of the native kernels on this machine: `npm run bench:results -- NAME`, some minutes. Measures the ceilings (full), every
 * kernel in a cache and from memory and every pair, on one thread and on all, and writes docs/results/DATE-bench-NAME.json (checked by
 * tests/kernels/results.test.ts) and .md. Needs `npm run build` first.
 */
import {execFileSync} from 'node:child_process'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {cpus} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags} from './flags.mjs'
import {median} from './statistics.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const [name] = readFlags(import.meta.url, {positionals: 1}).positionals
if (!name || !/^[a-z0-9-]+$/.test(name)) {
  process.stderr.write('usage: npm run bench:results -- NAME   (NAME names the machine: zen4, cascade-lake)\n')
  process.exit(2)
}

const perf = (...args) => {
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

const before = perf('measure', 'cpu')
const all = before.identity.cores
const counts = all > 1 ? [1, all] : [1]
const kernels = counts.flatMap((threads) => perf('bench', '--threads', String(threads)).kernels)
const blocks = perf('bench', 'gemm-blocked', '--sweep', '--threads', '1').kernels
const pairs = counts.flatMap((threads) => perf('compare', '--fused', 'all', '--threads', String(threads)).pairs)
const sides = pairs.flatMap(({unfused, fused}) => [unfused, fused])
const date = new Date().toISOString().slice(0, 10)
const file = join(root, 'docs', 'results', `${date}-bench-${name}`)
/** What an earlier run of this day found on this machine. */
const earlier = existsSync(`${file}.json`) ? JSON.parse(readFileSync(`${file}.json`, 'utf8')).machine : before
const machine = highest(highest(before, perf('measure', 'cpu')), earlier.name === before.name ? earlier : before)
const ceilingOf = (profile, id) => profile.ceilings.find((c) => c.id === id)?.value
/** Of the roof of both profiles: what the ceiling that decides gained in the second takes from the share. */
const shareOf = ({efficiency, bound}) =>
  efficiency === null ? null : efficiency * (ceilingOf(before, bound) / ceilingOf(machine, bound))

/** A rate above a ceiling of its own minutes is no wonder where that ceiling was higher before or after. */
const shown = (entry) => {
  const share = shareOf(entry)
  const verdict = entry.verdict === 'implausible' && share <= 1.01 ? 'noisy' : entry.verdict
  return percent(share) + (verdict === 'ok' ? '' : ` (${verdict})`)
}
const percent = (share) => (share === null ? '–' : `${Math.round(share * 100)} %`)
const size = ({dims}) => Object.values(dims).join('×')
const times = (value) => (value ? value.toPrecision(3) : '–')
const seconds = (value) => (value < 1e-3 ? `${(value * 1e6).toPrecision(3)} µs` : `${(value * 1e3).toPrecision(3)} ms`)
const rate = (k) =>
  k.flops > 0 ? `${(k.flopsPerSecond / 1e9).toPrecision(3)} GFLOP/s` : `${(k.bytesPerSecond / 1e9).toPrecision(3)} GB/s`
const row = (...cells) => `| ${cells.join(' | ')} |`
const off = (list) => list.map((p) => Math.abs(p.predictedSpeedup / p.speedup - 1))
const known = pairs.filter((p) => p.speedup && p.predictedSpeedup)
const far = known.filter((p) => /DRAM/.test(p.unfused.bound ?? ''))
const paysOf = ({pays}) => (!pays ? '–' : pays.at === null ? pays.when : `${pays.when} ${pays.dim} ${pays.at}`)

const command = `npm run bench:results -- ${name}`
writeFileSync(
  `${file}.json`,
  `${JSON.stringify({about: 'ceilings, kernels and pairs of one run', command, machine, kernels: [...kernels, ...blocks, ...sides]})}\n`,
)
writeFileSync(
  `${file}.md`,
  `# Kernels and pairs: ${machine.name}

Machine: ${cpus()[0].model}, ${all} CPUs allowed, Node ${process.version}. Date: ${date}. Command: \`${command}\`. Seconds are of the fastest
repetition in the first table, medians in the second; the roof is what the highest ceilings seen, before and after and in earlier runs of the day, allow for the mix, the type and the functions
of the kernel. A verdict other than \`ok\` stands behind the share.

## Kernels

${row('kernel', 'size', 'type', 'threads', 'rate', 'of the roof', 'bound by')}
${row('---', '---', '---', '---:', '---:', '---:', '---')}
${kernels.map((k) => row(k.id, size(k), k.dtype, k.threads, rate(k), shown(k), k.bound ?? '–')).join('\n')}

## A matrix product over block sizes

\`perf bench gemm-blocked --sweep --threads 1\`: square blocks, and last the blocks that the model of \`src/analysis/tiles.ts\` chooses, which our own product uses.

${row('product', 'mc × nc × kc', 'rate', 'of the roof')}
${row('---', '---:', '---:', '---:')}
${blocks.map((k) => row(`${k.dims.m}×${k.dims.n}×${k.dims.k}`, `${k.dims.mc} × ${k.dims.nc} × ${k.dims.kc}`, rate(k), shown(k))).join('\n')}

## Pairs

Speed-ups: unfused ÷ fused. Of ${known.length} pairs the roof is off by ${percent(median(off(known)))} in the median; of the ${far.length} that come from memory by
${far.length > 0 ? percent(median(off(far))) : '–'} in the median, and ${far.filter((p) => Math.abs(p.predictedSpeedup / p.speedup - 1) <= 0.15).length} of them are within 15 %.

${row('pair', 'size', 'type', 'threads', 'unfused', 'fused', 'measured', 'predicted', 'pays')}
${row('---', '---', '---', '---:', '---:', '---:', '---:', '---:', '---')}
${pairs.map((p) => row(p.id, size(p), p.fused.dtype, p.fused.threads, seconds(p.unfused.seconds.median), seconds(p.fused.seconds.median), times(p.speedup), times(p.predictedSpeedup), paysOf(p))).join('\n')}
`,
)
process.stdout.write(`${file}.json, ${file}.md: ${kernels.length} kernel runs, ${pairs.length} pair runs\n`)
