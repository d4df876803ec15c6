#!/usr/bin/env node
/**
 * Builds reports/examples from real runs: `npm run gallery`. Measures this machine where no profile is saved yet, so the pages
 * of `local` say on which machine they were made. Needs `npm run build` first.
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
const page = (name) => join(out, `${name}.html`)
const spare = (name) => join(scratch, name)

function transformer() {
  const analysis = spare('transformer.html')
  perf('analyze', 'transformer', '--batch', '32', '--report', analysis, '--quiet')
  const runs = spare('bench.json')
  writeFileSync(runs, perf('bench', 'gemm', 'softmax', 'layernorm', 'gelu', 'attention', '--json'))
  perf('report', analysis, '--runs', runs, '--output', page('transformer-batch-32-measured'))
}

/** Name, model and flags of pages that one command makes. */
const analyses = [
  ['llama-3-70b-decode-mi300x', 'llama-3-70b', '--machine', 'mi300x', '--phase', 'decode', '--dtype', 'bf16'],
  [
    'llama-3-70b-decode-two-h100',
    'llama-3-70b',
    '--machine',
    'h100-sxm',
    '--phase',
    'decode',
    '--dtype',
    'bf16',
    '--tp',
    '2',
  ],
  ['resnet50-a100', 'resnet50', '--machine', 'a100-80gb-sxm', '--batch', '64', '--dtype', 'f16'],
]

function comparison() {
  const saved = (name, ...flags) => {
    const file = spare(name)
    const args = ['analyze', 'llama-3-8b', '--machine', 'h100-sxm', '--phase', 'decode', '--batch', '16', ...flags]
    perf(...args, '--report', file, '--quiet')
    return file
  }
  const [before, after] = [
    saved('before.html'),
    saved('after.html', '--weights-dtype', 'int8', '--kv-dtype', 'fp8', '--fusion', 'all'),
  ]
  perf('compare', before, after, '--report', page('llama-3-8b-decode-quantized-compared'), '--quiet')
}

try {
  mkdirSync(out, {recursive: true})
  transformer()
  for (const [name, model, ...flags] of analyses) perf('analyze', model, ...flags, '--report', page(name), '--quiet')
  comparison()
  const names = [
    'transformer-batch-32-measured',
    ...analyses.map(([name]) => name),
    'llama-3-8b-decode-quantized-compared',
  ]
  for (const name of names) {
    const {size} = statSync(page(name))
    process.stdout.write(`${String(Math.round(size / 1000)).padStart(6)} kB  reports/examples/${name}.html\n`)
    if (size > LARGEST) throw new Error(`${name}.html is larger than ${LARGEST} bytes`)
  }
} finally {
  rmSync(scratch, {recursive: true, force: true})
}
