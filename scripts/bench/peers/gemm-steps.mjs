// Where the last percents of our matrix product go: npm run bench:peers -- gemm-steps [--size 2048] [--turns 20]
// The register tile from registers, from L1, with its panels in L2, over the tiles of a matrix, with B from L3, and the product with packing.
// One thread, x86 with AVX-512 or AVX2; compiled for this CPU.
import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags} from '../flags.mjs'

const {values: flags} = readFlags(import.meta.url, {
  args: process.argv.slice(3),
  options: {size: {type: 'string', default: '2048'}, turns: {type: 'string', default: '20'}},
})
const refuse = (message, code) => {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
const size = Number(flags.size)
const turns = Number(flags.turns)
if (!(size >= 512 && size <= 8192 && size % 64 === 0))
  refuse('--size is a multiple of 64 from 512 to 8192: whole tiles', 2)
if (!(Number.isInteger(turns) && turns >= 1 && turns <= 1000)) refuse('--turns is a whole number from 1 to 1000', 2)

const compiler = process.env.CXX ?? 'g++'
const macros = spawnSync(compiler, ['-march=native', '-dM', '-E', '-x', 'c++', '/dev/null'], {encoding: 'utf8'})
if (macros.error) refuse('g++ is not installed. Debian and Ubuntu: apt-get install g++', 4)
const has = (name) => macros.stdout.includes(`#define ${name} 1`)
const isa = has('__AVX512VL__') && has('__AVX512DQ__') ? 'AVX512' : has('__AVX2__') ? 'AVX2' : undefined
if (!isa) refuse('needs AVX2 or AVX-512', 4)

// the flags of binding.gyp
const kernelFlags =
  isa === 'AVX512'
    ? ['-mavx2', '-mfma', '-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mprefer-vector-width=512']
    : ['-mavx2', '-mfma']
const here = dirname(fileURLToPath(import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-steps-'))
const program = join(folder, 'steps')
const built = spawnSync(
  compiler,
  [
    ...['-std=c++17', '-O2', '-Wno-psabi', '-fno-math-errno', '-ffp-contract=fast', '-falign-loops=64'],
    ...[...kernelFlags, `-DRP_ISA_${isa}`, join(here, 'gemm-steps.cc')],
    ...['memory.cc', 'cores.cc'].map((file) => join(resolve(here, '../../..'), 'native/core', file)),
    ...['-o', program],
  ],
  {encoding: 'utf8'},
)
const done = built.status === 0 ? spawnSync(program, [String(size), String(turns)], {encoding: 'utf8'}) : undefined
rmSync(folder, {recursive: true, force: true})
if (!done) refuse(built.stderr, 1)
if (done.status !== 0) refuse(done.stderr || `ended by ${done.signal}`, 1)
const steps = [
  ['registers', 'multiply-adds in registers'],
  ['L1', 'the register tile, panels and C in L1'],
  ['L2', 'panels of A and B in L2'],
  ['matrix', `tiles of C of a matrix ${size} wide`],
  ['L3', 'panels of B from L3'],
  ['product', `the product ${size}³, packing included`],
  ['still', 'its tiles alone, panels of A and B in L2 and C in L1'],
  ['long', 'multiply-adds in registers, for as long as the product'],
]
const rows = done.stdout
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
process.stdout.write(
  `${isa}, one thread, best of ${turns} turns; GFLOP/s and share of the first line\n` +
    `| step | ${rows.map(({type}) => type).join(' | ')} |\n| --- |${' ---: |'.repeat(rows.length)}\n`,
)
for (const [id, text] of steps)
  process.stdout.write(
    `| ${text} | ${rows.map((row) => `${(row[id] / 1e9).toFixed(1)}, ${((100 * row[id]) / row.registers).toFixed(1)} %`).join(' | ')} |\n`,
  )
