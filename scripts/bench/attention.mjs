#!/usr/bin/env node
/**
 * Attention, fused against unfused, over lengths, head sizes, masks and threads: `npm run bench:attention -- NAME`, five minutes. Under the
 * saved profile; writes docs/results/DATE-attention-NAME.json (which `perf report` draws) and .md. Needs `npm run build` first.
 *
 * In pieces, where the machine is quiet for a minute at a time: rows join those of the day's file, and of two of the
 * same sizes the quicker one stays.
 *   npm run bench:attention -- NAME --lengths 512,1024 --head-dims 64 --masks causal --threads 1 --contexts none
 * `--lengths none` leaves the prefill out, `--contexts none` decoding.
 */
import {execFileSync} from 'node:child_process'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {availableParallelism} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {attentionPage, dimsOf, joined, pairsOf, sidesOf, verdicts} from './attention-page.mjs'
import {readFlags, refuse} from './flags.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cores = availableParallelism()
const {values, positionals} = readFlags(import.meta.url, {
  options: {
    lengths: {type: 'string', default: '128,256,512,1024,2048,4096'},
    'head-dims': {type: 'string', default: '64,128'},
    masks: {type: 'string', default: 'causal,none'},
    threads: {type: 'string', default: cores > 1 ? `1,${cores}` : '1'},
    contexts: {type: 'string', default: '128,512,2048,8192'},
  },
  positionals: 1,
})
const [name] = positionals
if (!name || !/^[a-z0-9-]+$/.test(name))
  refuse('usage: npm run bench:attention -- NAME   (NAME names the machine: zen4, cascade-lake)')
const numbers = (flag) =>
  values[flag] === 'none'
    ? []
    : values[flag].split(',').map((text) => {
        if (!/^[1-9]\d{0,5}$/.test(text)) refuse(`--${flag}: '${text}' is not a whole number from 1 to 999999`)
        return Number(text)
      })
const masks = values.masks.split(',')
const unknown = masks.find((mask) => mask !== 'causal' && mask !== 'none')
if (unknown !== undefined) refuse(`--masks: '${unknown}' is not causal or none`)
const [lengths, headDims, threadCounts, contexts] = ['lengths', 'head-dims', 'threads', 'contexts'].map(numbers)

const perf = (...args) => {
  process.stderr.write(`perf ${args.join(' ')}\n`)
  const words = [join(root, 'bin', 'perf.js'), ...args, '--json', '--quiet']
  return JSON.parse(execFileSync(process.execPath, words, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']}))
    .result
}
const machine = perf('machine', 'show', 'local')
const ceiling = (threads) =>
  Math.max(
    ...machine.ceilings
      .filter((c) => c.dtype === 'f32' && c.operation === 'fma' && c.threads === threads && c.engine !== 'matrix')
      .map(({value}) => value),
  )

/** Heads of a prefill: enough for every thread, few enough for 4,096 tokens. */
const heads = 4
/** Llama 3's: 32 heads, of which four share a key head; and as many key heads as heads. */
const groups = [
  {heads: 32, kvHeads: 8},
  {heads: 32, kvHeads: 32},
]
const sizes = [
  ...headDims.flatMap((headDim) =>
    masks.flatMap((mask) =>
      lengths.map((length) => ({form: 'prefill', length, headDim, causal: mask === 'causal', heads, kvHeads: heads})),
    ),
  ),
  ...headDims.flatMap((headDim) =>
    groups.flatMap((group) => contexts.map((length) => ({form: 'decode', length, headDim, causal: true, ...group}))),
  ),
]
const f32 = 4
/** Bytes of q, k, v and o, and of scores and weights. */
function tensorBytes({form, length, headDim, heads: h, kvHeads}) {
  const [queries, keys] = form === 'prefill' ? [length, length] : [1, length + 1]
  const fused = f32 * headDim * (2 * queries * h + 2 * keys * kvHeads)
  return {fusedBytes: fused, unfusedBytes: fused + 2 * f32 * h * queries * keys}
}

const pairs = []
const rows = threadCounts.flatMap((threads) =>
  sizes.map((size) => {
    const id = size.form === 'prefill' ? 'attention-gqa' : 'attention-decode'
    const [pair] = perf('compare', '--fused', id, '--dims', dimsOf(size).join('x'), '--threads', String(threads)).pairs
    pairs.push(pair)
    const {fused, unfused, speedup, predictedSpeedup, speedupInTurn, predictedInTurn} = pair
    return {
      ...size,
      ...tensorBytes(size),
      threads,
      unfused: unfused.seconds.median,
      fused: fused.seconds.median,
      speedup: predictedInTurn ? speedupInTurn : speedup,
      predicted: predictedInTurn ?? predictedSpeedup,
      rate: fused.flopsPerSecond,
      share: fused.flopsPerSecond / ceiling(threads),
      verdict: fused.verdict,
    }
  }),
)

const date = new Date().toISOString().slice(0, 10)
const file = join(root, 'docs', 'results', `${date}-attention-${name}`)
const earlier = existsSync(`${file}.json`) ? JSON.parse(readFileSync(`${file}.json`, 'utf8')) : {rows: []}
const all = joined(earlier.rows, rows)
const run = {node: process.version, date, command: `npm run bench:attention -- ${name}`, rows: all}
const kernels = sidesOf(all, [...pairs, ...pairsOf(earlier)])
writeFileSync(
  `${file}.json`,
  `${JSON.stringify({about: 'attention, fused against unfused', ...run, machine, kernels})}\n`,
)
writeFileSync(`${file}.md`, attentionPage({...run, machine: machine.name}))
process.stdout.write(`${file}.json, ${file}.md: ${all.length} sizes\n${verdicts(all).join('\n')}\n`)
