#!/usr/bin/env node
/**
 * Builds reports/examples and docs/roofline.svg from real runs: `npm run gallery`, two to three minutes. Measures this machine where no profile is saved yet,
 * so the pages of `local` say on which machine they were made. Needs `npm run build` first.
 */
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags} from './bench/flags.mjs'

readFlags(import.meta.url)
const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'reports', 'examples')
/** the picture of the README */
const picture = join(root, 'docs', 'roofline.svg')
const scratch = mkdtempSync(join(tmpdir(), 'ridgepoint-gallery-'))
/** Bytes; a page above it is a mistake of the gallery. */
const LARGEST = 1.2e6

const perf = (...args) =>
  execFileSync(process.execPath, [join(root, 'bin', 'perf.js'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
const spare = (name) => join(scratch, name)
const save = (name, ...args) => {
  writeFileSync(spare(name), perf(...args, '--json', '--quiet'))
  return spare(name)
}

/** The kernels of a transformer, at a size that fits a cache and one that does not. */
const kernels = ['gemm', 'softmax', 'layernorm', 'gelu', 'attention']
/** Every pair; those of different kinds first, in case that the time runs out. */
const pairs = [
  ...['add+layernorm', 'gemm+bias+gelu', 'attention', 'scale+mask+softmax', 'conv+batchnorm+relu', 'bias+gelu'],
  ...['dequantize-int8+gemv', 'swiglu', 'add+rmsnorm', 'qkv', 'attention-decode', 'cross-entropy', 'adam', 'lstm'],
  ...['chain', 'dequantize-int4+gemv', 'attention-gqa', 'gemm+bias+relu', 'gemm+bias+silu'],
  ...['dequantize-int8+gemm', 'dequantize-int4+gemm'],
]
/** Seconds that the measured pairs may take together: pairs that do not fit are left out, and said. */
const PAIRS = 150
/** What one decode step of Llama 3 8B at batch 16 is compared with: narrower numbers, and everything fused. */
const decode = ['analyze', 'llama-3-8b', '--machine', 'h100-sxm', '--phase', 'decode', '--batch', '16']
const narrow = ['--weights-dtype', 'int8', '--kv-dtype', 'fp8', '--fusion', 'all']
const large = ['analyze', 'llama-3-70b', '--phase', 'decode', '--dtype', 'bf16']

const overBlocks = ['bench', 'gemm-blocked', '--sweep', '--threads', '1']

/** Documents of one kind as one: their kernels, or their pairs. */
function joined(name, ...files) {
  const all = files.map((file) => JSON.parse(readFileSync(file, 'utf8')))
  const [first] = all
  const list = first.result.kernels ? 'kernels' : 'pairs'
  first.result[list] = all.flatMap(({result}) => result[list])
  first.warnings = all.flatMap(({warnings}) => warnings)
  writeFileSync(spare(name), JSON.stringify(first))
  return spare(name)
}

/** Every pair, one after another as long as there is time; a busy machine measures fewer, and none of them wrongly. */
function measuredPairs() {
  const start = performance.now()
  const left = [...pairs]
  const files = []
  while (left.length > 0 && performance.now() - start < 1000 * PAIRS) {
    const pair = left.shift()
    try {
      files.push(save(`pair-${files.length}.json`, 'compare', '--fused', pair))
    } catch (error) {
      // one pair that this machine cannot run leaves the others
      process.stderr.write(`${pair} is left out: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`)
    }
  }
  if (left.length > 0) process.stderr.write(`left out after ${PAIRS} s: ${left.join(', ')}\n`)
  return files
}

/** Every page by its name: what makes it, given the file. */
const pages = {
  'transformer-batch-32-measured': (file) => {
    const analysis = spare('transformer.html')
    perf('analyze', 'transformer', '--batch', '32', '--report', analysis, '--quiet')
    // a product over block sizes beside the kernels
    const [runs, blocks] = [save('bench.json', 'bench', ...kernels), save('blocks.json', ...overBlocks)]
    perf('report', analysis, '--runs', joined('runs.json', runs, blocks), '--output', file)
    writeFileSync(picture, perf('report', file, '--format', 'svg'))
  },
  'llama-3-70b-decode-mi300x': (file) => perf(...large, '--machine', 'mi300x', '--report', file, '--quiet'),
  'llama-3-70b-decode-two-h100': (file) =>
    perf(...large, '--machine', 'h100-sxm', '--tp', '2', '--report', file, '--quiet'),
  'resnet50-a100': (file) => {
    const flags = ['--machine', 'a100-80gb-sxm', '--batch', '64', '--dtype', 'f16']
    perf('analyze', 'resnet50', ...flags, '--report', file, '--quiet')
  },
  'fused-against-unfused-measured': (file) => {
    const measured = measuredPairs()
    perf('report', joined('pairs.json', ...measured), '--output', file, '--quiet')
  },
  'llama-3-8b-decode-quantized-compared': (file) => {
    const [before, after] = [save('before.json', ...decode), save('after.json', ...decode, ...narrow)]
    perf('compare', before, after, '--report', file, '--quiet')
  },
}

try {
  mkdirSync(out, {recursive: true})
  for (const [name, make] of Object.entries(pages)) {
    const file = join(out, `${name}.html`)
    const start = performance.now()
    make(file)
    const {size} = statSync(file)
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    process.stdout.write(`${`${Math.round(size / 1000)}`.padStart(6)} kB ${seconds.padStart(6)} s  ${name}.html\n`)
    if (size > LARGEST) throw new Error(`${name}.html is larger than ${LARGEST} bytes`)
  }
} finally {
  rmSync(scratch, {recursive: true, force: true})
}
