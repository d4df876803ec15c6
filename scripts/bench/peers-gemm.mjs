// Our matrix products against OpenBLAS and oneDNN, in turn on the same memory: npm run bench:peers -- gemm
//   npm run bench:peers -- gemm --types f32,f64,int8 --sizes 1024,2048,4096 --threads 1,2 --turns 20 --json FILE
// In pieces, where the machine is quiet for a minute at a time: the turns of each call with --add join those that FILE holds, and its table is
// that of all of them.
//   npm run bench:peers -- gemm --types f64 --sizes 4096 --threads 1 --turns 5 --json FILE --add
// Compiles scripts/bench/peers/gemm.cc with the addon's own kernels (npm run build:native first); the libraries are opened at run time.
import {spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {cpus, tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags} from './flags.mjs'
import {neighbours} from './neighbour.mjs'

const {values: flags} = readFlags(import.meta.url, {
  args: process.argv.slice(3),
  options: {
    types: {type: 'string', default: 'f32,f64,int8'},
    sizes: {type: 'string', default: '1024,2048,4096'},
    threads: {type: 'string', default: cpus().length > 1 ? `1,${cpus().length}` : '1'},
    turns: {type: 'string', default: '20'},
    isa: {type: 'string', default: ''},
    json: {type: 'string'},
    add: {type: 'boolean', default: false},
  },
})
const refuse = (message, code) => {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
const list = (text, name) =>
  text.split(',').map((part) => {
    const value = Number(part)
    if (!(Number.isInteger(value) && value >= 1 && value <= 65_536))
      refuse(`--${name}: '${part}' is not a whole number from 1 to 65536`, 2)
    return value
  })
if (flags.add && !flags.json) refuse('--add joins the turns of --json FILE: name the file', 2)
const types = flags.types.split(',')
for (const type of types)
  if (!['f32', 'f64', 'int8'].includes(type)) refuse(`--types: '${type}' is not one of f32, f64, int8`, 2)
const sizes = list(flags.sizes, 'sizes')
const threadCounts = list(flags.threads, 'threads')
const [turns] = list(flags.turns, 'turns')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const release = join(root, 'build', 'Release')
const archives = existsSync(release)
  ? readdirSync(release).filter((file) => file.startsWith('kernels_') && file.endsWith('.a'))
  : []
if (archives.length === 0) refuse('the kernels are not built: npm run build:native', 4)

const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-peers-'))
const program = join(folder, 'gemm')
const core = join(root, 'native', 'core')
const built = spawnSync(
  process.env.CXX ?? 'g++',
  [
    '-std=c++17',
    '-O2',
    '-Wno-psabi',
    join(root, 'scripts', 'bench', 'peers', 'gemm.cc'),
    ...readdirSync(core)
      .filter((file) => file.endsWith('.cc'))
      .map((file) => join(core, file)),
    ...archives.map((file) => join(release, file)),
    '-o',
    program,
    '-ldl',
    '-pthread',
  ],
  {encoding: 'utf8'},
)
const leave = (message, code) => {
  rmSync(folder, {recursive: true, force: true})
  refuse(message, code)
}
if (built.error) leave('g++ is not installed. Debian and Ubuntu: apt-get install g++', 4)
if (built.status !== 0) leave(built.stderr, 1)

const probe = spawnSync(program, ['isas'], {encoding: 'utf8'})
const isa = flags.isa || probe.stdout.trim().split(' ').at(-1)
// A version of OpenBLAS older than the CPU falls back on kernels for SSE: it is then told the nearest core that it knows.
const old = ['Prescott', 'Core2', 'Penryn', 'Dunnington', 'Atom', 'Nehalem', 'Generic', 'unknown']
const told = {avx512: 'SkylakeX', avx2: 'Haswell'}[probe.stdout.trim().split(' ').at(-1)]
const chosen = spawnSync(program, ['core'], {encoding: 'utf8'}).stdout
const instead = told && !process.env.OPENBLAS_CORETYPE && old.includes(chosen) ? told : undefined
const giga = (value) => (value === null ? '–' : (value / 1e9).toFixed(1))
const share = (value, whole) => (value === null || !(whole > 0) ? '–' : `${((100 * value) / whole).toFixed(0)} %`)
const key = ({type, m, threads}) => `${type} ${m} ${threads}`
const earlier = flags.add && existsSync(flags.json) ? JSON.parse(readFileSync(flags.json, 'utf8')).rows : []
const found = new Map(earlier.map((row) => [key(row), row]))
/** Of the turns of two calls the best of each: every call takes all sides in turn. */
const joined = (one, other) => ({
  ...one,
  ...Object.fromEntries(
    ['ceiling', 'perCycle', 'ours', 'openblas', 'onednn'].map((side) => [
      side,
      (one[side] ?? null) === null && other[side] === null ? null : Math.max(one[side] ?? 0, other[side] ?? 0),
    ]),
  ),
  turns: one.turns + other.turns,
})
process.stdout.write(
  `${cpus()[0].model}, ${isa}; best of the turns, ours and theirs in turn, packing included; GFLOP/s (int8: GOP/s); instructions per cycle: median of the turns\n` +
    '| type | size | threads | turns | ceiling | ours | share | OpenBLAS | oneDNN | ours ÷ the better | instructions per cycle |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n',
)
const print = (row) => {
  const better = Math.max(row.openblas ?? 0, row.onednn ?? 0)
  const ratio = better > 0 ? (row.ours / better).toFixed(3) : '–'
  process.stdout.write(
    `| ${row.type} | ${row.m} | ${row.threads} | ${row.turns} | ${giga(row.ceiling)} | ${giga(row.ours)} | ${share(row.ours, row.ceiling)} | ${giga(row.openblas)} | ${giga(row.onednn)} | ${ratio} | ${row.perCycle?.toFixed(1) ?? '–'} |\n`,
  )
}
for (const type of types)
  for (const size of sizes)
    for (const threads of threadCounts) {
      const done = spawnSync(program, [isa, String(turns), `${type}:${size}x${size}x${size}:${threads}`], {
        encoding: 'utf8',
        env: {...process.env, OMP_WAIT_POLICY: 'passive', ...(instead && {OPENBLAS_CORETYPE: instead})},
      })
      if (done.status !== 0) leave(done.stderr || `ended by ${done.signal}`, 1)
      const row = {...JSON.parse(done.stdout), turns}
      const before = found.get(key(row))
      const whole = before ? joined(before, row) : row
      found.set(key(row), whole)
      print(whole)
    }
const rows = [...found.values()]
rmSync(folder, {recursive: true, force: true})
const [first] = rows
const shared = neighbours(rows, ({type, m, threads}) => `${type} ${m} on ${threads}`)
if (shared) process.stdout.write(`${shared}\n`)
if (first.core)
  process.stdout.write(
    `OpenBLAS runs its kernels for ${first.core}${instead ? `, as it is told by OPENBLAS_CORETYPE: left alone it takes those for ${chosen}` : ''}.\n`,
  )
if (!first.core && rows.every(({openblas}) => openblas === null))
  process.stdout.write('OpenBLAS is not installed. Debian and Ubuntu: apt-get install libopenblas0\n')
if (rows.every(({onednn}) => onednn === null))
  process.stdout.write('oneDNN is not installed. Debian and Ubuntu: apt-get install libdnnl2\n')
if (flags.json)
  writeFileSync(
    flags.json,
    `${JSON.stringify({date: new Date().toISOString(), cpu: cpus()[0].model, isa, rows}, null, 2)}\n`,
  )
