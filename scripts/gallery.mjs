#!/usr/bin/env node
/**
 * Builds reports/examples from real runs: `npm run gallery`, about two minutes. Measures this machine where no profile is saved yet,
 * so the pages of `local` say on which machine they were made. Needs `npm run build` first.
 */
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'reports', 'examples')
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
/** One pair of each kind: a norm, epilogues, softmax, attention, a convolution, weights of few bits. All of them take minutes. */
const pairs = [
  'add+layernorm',
  'bias+gelu',
  'scale+mask+softmax',
  'attention',
  'conv+batchnorm+relu',
  'dequantize-int8+gemv',
]
/** What one decode step of Llama 3 8B at batch 16 is compared with: narrower numbers, and everything fused. */
const decode = ['analyze', 'llama-3-8b', '--machine', 'h100-sxm', '--phase', 'decode', '--batch', '16']
const narrow = ['--weights-dtype', 'int8', '--kv-dtype', 'fp8', '--fusion', 'all']
const large = ['analyze', 'llama-3-70b', '--phase', 'decode', '--dtype', 'bf16']

/** Every page by its name: what makes it, given the file. */
const pages = {
  'transformer-batch-32-measured': (file) => {
    const analysis = spare('transformer.html')
    perf('analyze', 'transformer', '--batch', '32', '--report', analysis, '--quiet')
    const runs = save('bench.json', 'bench', ...kernels)
    perf('report', analysis, '--runs', runs, '--output', file)
  },
  'llama-3-70b-decode-mi300x': (file) => perf(...large, '--machine', 'mi300x', '--report', file, '--quiet'),
  'llama-3-70b-decode-two-h100': (file) =>
    perf(...large, '--machine', 'h100-sxm', '--tp', '2', '--report', file, '--quiet'),
  'resnet50-a100': (file) => {
    const flags = ['--machine', 'a100-80gb-sxm', '--batch', '64', '--dtype', 'f16']
    perf('analyze', 'resnet50', ...flags, '--report', file, '--quiet')
  },
  'fused-against-unfused-measured': (file) => perf('compare', '--fused', pairs.join(), '--report', file, '--quiet'),
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
