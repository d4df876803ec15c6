#!/usr/bin/env node
/**
 * Every figure that this project promises of a GPU, in one command: `npm run bench:gpu`, some five minutes on a discrete GPU. Measures the
 * ceilings (quick and full, timed), the same two in the vendor's own interface where there is an nvcc, a matrix product, norms and softmax,
 * attention fused and unfused over lengths, then all kernels and all pairs; writes DATE-webgpu-ADAPTER.md and .json into docs/results, again
 * after every part, so that a part that fails and a run that is cut short lose nothing that was measured before.
 *   --adapter NAME    as of perf; --datasheet ID  the catalog's machine to compare with (default: by the adapter's name)
 *   --out FOLDER      other than docs/results; --name NAME  other than the adapter's
 *   --only LIST       some of the parts alone, by comma, after a quick measurement: full, cuda, gemm, rows, attention, few, kernels, pairs
 *   --seconds N       after which no further part begins and the running one is ended; default 540, for machines that are lent for ten minutes
 * A software adapter runs small sizes: it shows that the command works. Needs `npm run build`; `npm run bench:gpu-pack` makes a copy for a
 * machine without Node or a network.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags, refuse} from './flags.mjs'
import {datasheetOf, lines, report} from './gpu-report.mjs'

const {values: flags} = readFlags(import.meta.url, {
  options: {
    adapter: {type: 'string'},
    datasheet: {type: 'string'},
    out: {type: 'string'},
    name: {type: 'string'},
    only: {type: 'string'},
    seconds: {type: 'string', default: '540'},
  },
})
const budget = Number(flags.seconds)
if (!(budget >= 10 && budget <= 86_400)) refuse(`--seconds: '${flags.seconds}' is not a number from 10 to 86400`)
const names = ['full', 'cuda', 'gemm', 'rows', 'attention', 'few', 'kernels', 'pairs']
const only = flags.only?.split(',')
const unknown = only?.find((name) => !names.includes(name))
if (unknown !== undefined) refuse(`--only: '${unknown}' is no part; there are ${names.join(', ')}`)
const isWanted = (name) => !only || only.includes(name)
const root = fileURLToPath(new URL('../..', import.meta.url))
const out = flags.out ?? join(root, 'docs', 'results')
const scratch = mkdtempSync(join(tmpdir(), 'ridgepoint-gpu-'))
const started = performance.now()
const elapsed = () => Math.round((performance.now() - started) / 1000)

/** Seconds that are left. */
const left = () => budget - (performance.now() - started) / 1000

/**
 * Features that are given up one after the other where a command dies of a signal: a driver's compiler that fails takes the process with it.
 * What has been given up stays so until the end.
 */
const risky = ['chromium-experimental-subgroup-matrix', 'shader-f16', 'subgroups']
const givenUp = []

/** The result of a command with its warnings and its seconds; what fails is kept as its message, so that the rest is still measured. */
function perf(...args) {
  const without = givenUp.join(',')
  const command = `${without ? `RIDGEPOINT_GPU_WITHOUT=${without} ` : ''}perf ${args.join(' ')}`
  if (left() < 1) return {command, warnings: [], error: `not run: the ${budget} s of --seconds were over`, seconds: 0}
  const from = performance.now()
  const words = [join(root, 'bin', 'perf.js'), ...args, '--json', '--quiet']
  const {stdout, status, signal, error} = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
    timeout: Math.ceil(1000 * left()),
    killSignal: 'SIGKILL',
    // a profile of its own: the reader's stays as it is
    env: {...process.env, XDG_CACHE_HOME: scratch, ...(without ? {RIDGEPOINT_GPU_WITHOUT: without} : {})},
  })
  const seconds = (performance.now() - from) / 1000
  const isOver = error?.code === 'ETIMEDOUT'
  const end = isOver ? `ended: the ${budget} s of --seconds were over` : signal ? `died of ${signal}` : `exit ${status}`
  process.stderr.write(`${elapsed()} s: ${command}: ${status === 0 ? '' : `${end}, `}${seconds.toFixed(1)} s\n`)
  const next = risky[givenUp.length]
  if (signal && !isOver && next !== undefined) {
    givenUp.push(next)
    const warning = {code: 'feature-given-up', message: `${command} ${end}: once more without ${next}`}
    const again = perf(...args)
    return {...again, warnings: [warning, ...again.warnings]}
  }
  try {
    const {result, warnings = [], error: failure} = JSON.parse(stdout)
    return {command, result, warnings, error: failure?.message, code: failure?.code, seconds}
  } catch {
    return {command, warnings: [], error: end, seconds}
  }
}

/** The vendor's own interface: CUDA, compiled here where there is a compiler. */
function vendor() {
  const binary = join(scratch, 'cuda')
  try {
    const source = fileURLToPath(new URL('./peers/cuda.cu', import.meta.url))
    execFileSync('nvcc', ['-O3', '-arch=native', '-o', binary, source], {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 60_000,
    })
    return JSON.parse(execFileSync(binary, {encoding: 'utf8', timeout: 60_000}))
  } catch (error) {
    return {reason: error.code === 'ENOENT' ? 'there is no nvcc here' : String(error.message).split('\n')[0]}
  }
}

const gpu = ['--backend', 'webgpu', ...(flags.adapter ? ['--adapter', flags.adapter] : [])]
const adapter = gpu.slice(2)

/**
 * Without an adapter NVIDIA's driver is tried by its other name: as `libGLX_nvidia` it may want an X server (nvidia-container-toolkit#191,
 * #1952), as `libEGL_nvidia` it wants none. What the environment names is left alone.
 */
function withoutDisplay() {
  const {VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES} = process.env
  if (process.platform !== 'linux' || VK_DRIVER_FILES || VK_ICD_FILENAMES || VK_ADD_DRIVER_FILES) return false
  process.env.VK_DRIVER_FILES = fileURLToPath(new URL('./nvidia-egl.json', import.meta.url))
  process.stderr.write('no adapter: once more with libEGL_nvidia.so.0 as the driver\n')
  return true
}

/** Runs every part in turn, and writes what there is after each. */
function run() {
  let quick = perf('measure', 'webgpu', '--quick', ...adapter)
  if (quick.code === 'no-adapter' && withoutDisplay()) quick = perf('measure', 'webgpu', '--quick', ...adapter)
  const full = isWanted('full') ? perf('measure', 'webgpu', ...adapter) : undefined
  const machine = full?.result ?? quick.result
  if (!machine) refuse(full?.error ?? quick.error, 4)
  const {software, maxBufferSize} = machine.identity.adapter
  const date = new Date().toISOString().slice(0, 10)
  const name = (flags.name ?? machine.name)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40)
  mkdirSync(out, {recursive: true})
  const file = join(out, `${date}-webgpu-${name}`)
  const sheet = datasheetOf(flags.datasheet ?? machine.name, (id) => perf('machine', 'show', id).result)
  const measured = {quick, full, machine, peer: {reason: 'not reached'}, attention: [], rows: [], few: []}
  const save = () => {
    const about = 'a GPU through WebGPU: profile, kernels and pairs of one run'
    writeFileSync(`${file}.json`, `${JSON.stringify({about, measured})}\n`)
    writeFileSync(`${file}.md`, report({...measured, sheet, date, seconds: elapsed()}))
  }
  const edge = software ? 128 : 4096
  // the scores of all heads are one tensor: as many heads, up to 16, as fit a buffer and 1 GiB
  const headsAt = (seq) => Math.max(1, Math.min(16, Math.floor(Math.min(maxBufferSize, 2 ** 30) / (4 * seq * seq))))
  // one sequence of every length, and of the shorter ones as many as make 8192 tokens: alone they leave part of a large GPU without work
  const shapes = software
    ? ['1x64x16x64', '1x128x16x64']
    : [
        ...[1024, 2048, 4096, 8192].map((seq) => `1x${seq}x${headsAt(seq)}x64`),
        ...[1024, 2048].map((seq) => `${8192 / seq}x${seq}x${Math.min(headsAt(seq), 8)}x64`),
      ]
  // products of few rows and decoding: one sequence, eight, and 32
  const few = software
    ? [['gemm', '1x256x256']]
    : [
        ['gemm', '1x8192x8192'],
        ['gemm', '8x8192x8192'],
        ['gemm-nt', '4x8192x8192'],
        ['gemv', '512x131072'],
        ['attention-decode', '1x1x32767x32x8x128'],
        ['attention-decode', '8x1x8191x32x8x128'],
      ]
  const parts = {
    cuda: () => [() => (measured.peer = software ? {reason: 'a software adapter'} : vendor())],
    gemm: () => [() => (measured.gemm = perf('bench', 'gemm', '--dims', `${edge}x${edge}x${edge}`, ...gpu))],
    rows: () =>
      ['softmax', 'layernorm', 'rmsnorm', 'add+rmsnorm'].map(
        (kernel) => () => measured.rows.push(perf('bench', kernel, ...(software ? ['--dims', '64x768'] : []), ...gpu)),
      ),
    attention: () =>
      shapes.map(
        (dims) => () => measured.attention.push(perf('compare', '--fused', 'attention', '--dims', dims, ...gpu)),
      ),
    few: () =>
      few.map(
        ([kernel, dims]) =>
          () =>
            measured.few.push(perf('bench', kernel, '--dims', dims, ...gpu)),
      ),
    kernels: () => [() => (measured.kernels = perf('bench', ...gpu))],
    pairs: () => [() => (measured.pairs = perf('compare', '--fused', 'all', ...gpu))],
  }
  save()
  for (const name of names.filter(isWanted))
    for (const part of parts[name]?.() ?? []) {
      part()
      save()
    }
  process.stdout.write(`${lines({...measured, sheet}).join('\n')}\n\n${file}.md, .json, ${elapsed()} s\n`)
}

process.on('exit', () => rmSync(scratch, {recursive: true, force: true}))
run()
