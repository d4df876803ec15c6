#!/usr/bin/env node
/**
 * Every figure that this project promises of a GPU, in one command: `npm run bench:gpu`, some five minutes on a discrete GPU. Measures the
 * ceilings (quick and full, timed), the same two in the vendor's own interface where there is an nvcc, a matrix product, attention fused and
 * unfused over lengths, norms and softmax, then all kernels and all pairs; writes DATE-webgpu-ADAPTER.md and .json into docs/results.
 *   --adapter NAME    as of perf; --datasheet ID  the catalog's machine to compare with (default: by the adapter's name)
 *   --out FOLDER      other than docs/results; --name NAME  other than the adapter's
 * A software adapter runs small sizes: it shows that the command works. Needs `npm run build`; `npm run bench:gpu-pack` makes a copy for a
 * machine without Node or a network.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {datasheetOf, lines, report} from './gpu-report.mjs'

const {values: flags} = parseArgs({
  options: {
    adapter: {type: 'string'},
    datasheet: {type: 'string'},
    out: {type: 'string'},
    name: {type: 'string'},
  },
})
const root = fileURLToPath(new URL('../..', import.meta.url))
const out = flags.out ?? join(root, 'docs', 'results')
const scratch = mkdtempSync(join(tmpdir(), 'ridgepoint-gpu-'))
const started = performance.now()
const elapsed = () => Math.round((performance.now() - started) / 1000)

/** The result of a command with its warnings and its seconds; what fails is kept as its message, so that the rest is still measured. */
function perf(...args) {
  const from = performance.now()
  const words = [join(root, 'bin', 'perf.js'), ...args, '--json', '--quiet']
  const {stdout, status} = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
    // a profile of its own: the reader's stays as it is
    env: {...process.env, XDG_CACHE_HOME: scratch},
  })
  const seconds = (performance.now() - from) / 1000
  process.stderr.write(
    `${elapsed()} s: perf ${args.join(' ')}: ${status === 0 ? '' : `exit ${status}, `}${seconds.toFixed(1)} s\n`,
  )
  try {
    const {result, warnings = [], error} = JSON.parse(stdout)
    return {command: `perf ${args.join(' ')}`, result, warnings, error: error?.message, seconds}
  } catch {
    return {command: `perf ${args.join(' ')}`, warnings: [], error: `exit ${status}`, seconds}
  }
}

/** The vendor's own interface: CUDA, compiled here where there is a compiler. */
function vendor() {
  const binary = join(scratch, 'cuda')
  try {
    const source = fileURLToPath(new URL('./peers/cuda.cu', import.meta.url))
    execFileSync('nvcc', ['-O3', '-arch=native', '-o', binary, source], {stdio: ['ignore', 'inherit', 'inherit']})
    return JSON.parse(execFileSync(binary, {encoding: 'utf8'}))
  } catch (error) {
    return {reason: error.code === 'ENOENT' ? 'there is no nvcc here' : String(error.message).split('\n')[0]}
  }
}

const gpu = ['--backend', 'webgpu', ...(flags.adapter ? ['--adapter', flags.adapter] : [])]
const adapter = gpu.slice(2)
try {
  const quick = perf('measure', 'webgpu', '--quick', ...adapter)
  if (!quick.result) {
    process.stderr.write(`${quick.error}\n`)
    process.exitCode = 4
  } else {
    const full = perf('measure', 'webgpu', ...adapter)
    const machine = (full.result ? full : quick).result
    const {software, maxBufferSize} = machine.identity.adapter
    const edge = software ? 128 : 4096
    const lengths = software ? [64, 128] : [1024, 2048, 4096, 8192]
    // the scores of all heads are one tensor: as many heads, up to 16, as fit a buffer and 1 GiB
    const headsAt = (seq) => Math.max(1, Math.min(16, Math.floor(Math.min(maxBufferSize, 2 ** 30) / (4 * seq * seq))))
    const rows = software ? '64x768' : undefined
    const peer = software ? {reason: 'a software adapter'} : vendor()
    const sized = (kernel) => ['bench', kernel, ...(rows ? ['--dims', rows] : []), ...gpu]
    const measured = {
      quick,
      full,
      machine,
      peer,
      gemm: perf('bench', 'gemm', '--dims', `${edge}x${edge}x${edge}`, ...gpu),
      attention: lengths.map((seq) =>
        perf('compare', '--fused', 'attention', '--dims', `1x${seq}x${headsAt(seq)}x64`, ...gpu),
      ),
      rows: ['softmax', 'layernorm', 'rmsnorm', 'add+rmsnorm'].map((kernel) => perf(...sized(kernel))),
      kernels: perf('bench', ...gpu),
      pairs: perf('compare', '--fused', 'all', ...gpu),
    }
    const sheet = datasheetOf(flags.datasheet ?? machine.name, (id) => perf('machine', 'show', id).result)
    const date = new Date().toISOString().slice(0, 10)
    const name = (flags.name ?? machine.name)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 40)
    mkdirSync(out, {recursive: true})
    const file = join(out, `${date}-webgpu-${name}`)
    writeFileSync(
      `${file}.json`,
      `${JSON.stringify({about: 'a GPU through WebGPU: profile, kernels and pairs of one run', measured})}\n`,
    )
    writeFileSync(`${file}.md`, report({...measured, sheet, date, seconds: elapsed()}))
    process.stdout.write(`${lines({...measured, sheet}).join('\n')}\n\n${file}.md, .json, ${elapsed()} s\n`)
  }
} finally {
  rmSync(scratch, {recursive: true, force: true})
}
