#!/usr/bin/env node
// Do the verdicts of `perf measure cpu` tell the truth? Measures several times and compares the variation of each ceiling from run to run with
// what its verdicts promised: 1 % for compute and L1, 2.5 % beyond (src/kernels/plan.ts).
//   npm run bench:repeat                     ten full runs, 26 s each
//   npm run bench:repeat -- --runs 5 --quick --keep FOLDER
//   npm run bench:repeat -- a.json b.json …  runs that were saved with `perf measure cpu --json`
// Exit 5 where runs that all said ok differ by more than the limit.
import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {readFlags, refuse} from './flags.mjs'

const {values: flags, positionals} = readFlags(import.meta.url, {
  positionals: Number.POSITIVE_INFINITY,
  options: {
    runs: {type: 'string', default: '10'},
    quick: {type: 'boolean', default: false},
    keep: {type: 'string'},
    json: {type: 'string'},
  },
})
const runs = Number(flags.runs)
if (!(Number.isInteger(runs) && runs >= 2 && runs <= 100)) refuse('--runs is a whole number from 2 to 100')

/** Runs the built program; each run saves its profile in a folder of its own. */
function measure(index) {
  const home = mkdtempSync(join(tmpdir(), 'ridgepoint-repeat-'))
  const program = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'bin', 'perf.js')
  const args = [program, 'measure', 'cpu', '--json', '--quiet', ...(flags.quick ? ['--quick'] : [])]
  const run = spawnSync(process.execPath, args, {encoding: 'utf8', env: {...process.env, XDG_CACHE_HOME: home}})
  rmSync(home, {recursive: true, force: true})
  if (run.status !== 0) {
    process.stderr.write(`run ${index + 1} failed (exit ${run.status})\n${run.stderr}${run.stdout.slice(0, 500)}\n`)
    process.exit(1)
  }
  process.stderr.write(`run ${index + 1} of ${runs}\n`)
  if (flags.keep) {
    mkdirSync(flags.keep, {recursive: true})
    writeFileSync(join(flags.keep, `run-${index + 1}.json`), run.stdout)
  }
  return run.stdout
}

/** A profile that was saved. */
function saved(path) {
  try {
    const {result} = JSON.parse(readFileSync(path, 'utf8'))
    if (result.ceilings.length > 0 && result.identity) return result
    throw new Error('no ceilings')
  } catch {
    return refuse(`${path} is no profile of a processor; \`perf measure cpu --json > ${path}\` saves one`, 3)
  }
}

const machines =
  positionals.length > 0 ? positionals.map(saved) : Array.from({length: runs}, (_, i) => JSON.parse(measure(i)).result)

const variation = (values) => {
  if (values.length < 2) return 0
  const mean = values.reduce((a, b) => a + b) / values.length
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1)) / mean
}
const limitOf = ({kind, level}) => (kind === 'compute' || level === 'L1' ? 0.01 : 0.025)
const special = new Set(['divide', 'sqrt', 'exp', 'tanh', 'erf'])
const groupOf = ({kind, level, threads, operation}) =>
  kind === 'compute'
    ? special.has(operation)
      ? 'special functions'
      : 'arithmetic'
    : kind === 'latency'
      ? level
        ? 'latency by level'
        : 'waking and calls'
      : kind === 'issue'
        ? 'instructions per cycle'
        : `bandwidth ${level}${level === 'DRAM' ? `, ${threads === 1 ? 'one thread' : 'several'}` : ''}`

/** One ceiling over all runs. A run is honest where it is within the limit of those that say ok, or says that it is not ok. */
function row(id) {
  const found = machines.flatMap((m) => m.ceilings.filter((c) => c.id === id))
  const fine = found.filter(({verdict}) => verdict === 'ok')
  const limit = limitOf(found[0])
  const all = variation(found.map(({value}) => value))
  const said = variation(fine.map(({value}) => value))
  return {
    id,
    group: groupOf(found[0]),
    limit,
    variation: all,
    variationWhereOk: said,
    runs: found.length,
    notOk: found.length - fine.length,
    within: all <= limit,
    violation: all > limit && said > limit,
  }
}

const rows = [...new Set(machines.flatMap((m) => m.ceilings.map(({id}) => id)))].map(row)
const percent = (share) => `${(share * 100).toFixed(1)} %`
const columns = [
  'ceilings',
  'number',
  'within limit',
  'outside, and said so',
  'violations',
  'verdict ok',
  'largest variation',
]
const table = [...new Set(rows.map(({group}) => group)), 'all'].map((group) => {
  const own = rows.filter((r) => group === 'all' || r.group === group)
  const taken = own.reduce((sum, r) => sum + r.runs, 0)
  const worst = own.reduce((a, b) => (b.variation > a.variation ? b : a))
  return [
    group,
    own.length,
    own.filter(({within}) => within).length,
    own.filter(({within, violation}) => !within && !violation).length,
    own.filter(({violation}) => violation).length,
    percent(1 - own.reduce((sum, r) => sum + r.notOk, 0) / taken),
    `${percent(worst.variation)} ${worst.id}`,
  ]
})
process.stdout.write(
  `${machines.length} runs of ${machines.map(({identity}) => identity.seconds.toFixed(1)).join(', ')} s on ${machines[0].name}\n\n` +
    `| ${columns.join(' | ')} |\n|${columns.map((_, i) => (i === 0 ? ' --- |' : ' ---: |')).join('')}\n` +
    table.map((cells) => `| ${cells.join(' | ')} |\n`).join(''),
)
for (const r of rows.filter(({within}) => !within))
  process.stdout.write(
    `${r.violation ? 'VIOLATION' : 'said so  '} ${r.id}: ${percent(r.variation)}, ${r.runs - r.notOk} of ${r.runs} ok, those within ${percent(r.variationWhereOk)}\n`,
  )
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({date: new Date().toISOString(), rows}, null, 2)}\n`)
process.exit(rows.some(({violation}) => violation) ? 5 : 0)
