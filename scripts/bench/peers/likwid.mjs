// Our probes against likwid-bench, A B A B in one run: a shared machine drifts by 15 % within half an hour, so that only figures taken
// in turn can be compared. Prints the ratio of the maxima (the ceilings) and of the medians (what one mean would say).
// Both sides get the same number of turns, row after row and round after round over the whole run, so that all rows share the hours of the
// machine. Rows go on having turns, on both sides, until each side has met its maximum twice within 1 %, or the time is over; then the row
// says which side is unsettled.
import {spawnSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {cpus} from 'node:os'
import {join} from 'node:path'
import {readFlags} from '../flags.mjs'
import {metricsOf, residentBytes} from './metrics.mjs'
import {compared, unsettled} from './turns.mjs'

const {values: flags} = readFlags(import.meta.url, {
  options: {
    turns: {type: 'string', default: '2'},
    seconds: {type: 'string', default: '0.2'},
    limit: {type: 'string', default: '600'},
    only: {type: 'string', default: ''},
    json: {type: 'string'},
  },
})
const turns = Number(flags.turns)
const seconds = Number(flags.seconds)
const limit = Number(flags.limit)
if (!(Number.isInteger(turns) && turns >= 1 && turns <= 100) || !(seconds >= 0.05 && seconds <= 60)) {
  process.stderr.write('--turns is a whole number from 1 to 100, --seconds a number from 0.05 to 60\n')
  process.exit(2)
}
if (!(limit >= 0)) {
  process.stderr.write('--limit is seconds: of the whole run, after which no row gets further turns\n')
  process.exit(2)
}

const probe = spawnSync('likwid-bench', ['-a'], {encoding: 'utf8'})
if (probe.error) {
  process.stderr.write(
    'likwid-bench is not installed. Debian and Ubuntu: apt-get install likwid; elsewhere: https://github.com/RRZE-HPC/likwid\n',
  )
  process.exit(4)
}
const kernels = new Set(probe.stdout.split('\n').map((line) => line.split(' ')[0]))

const root = join(import.meta.dirname, '../../..')
let addon
try {
  addon = createRequire(import.meta.url)(join(root, 'build', 'Release', 'ridgepoint.node'))
} catch (error) {
  process.stderr.write(`the native addon does not load: ${error.message.split('\n')[0]}; npm run build:native\n`)
  process.exit(4)
}
const {isas, allowed} = addon.cpu()
const {metrics, perThread} = metricsOf({isas, allowed, kernels})
const session = new addon.Session()
await session.open(
  Array.from({length: allowed}, () => residentBytes + perThread),
  Array.from({length: allowed}, () => residentBytes),
)

// --- one turn of each

async function ourRate({ours, threads}, seconds) {
  const rates = []
  for (const task of ours) {
    const spec = {...task, threads, passes: task.roam ? 1 : 100, repetitions: 1, clock: false}
    let took = 0
    for (let step = 0; step < 12 && !task.roam; step++) {
      took = (await session.sample(spec)).seconds[0]
      if (took > 0.0005) break
      spec.passes = Math.ceil(spec.passes * Math.min(16, 0.0015 / Math.max(took, 1e-9)))
    }
    if (!task.roam && took > 0) spec.passes = Math.max(1, Math.round((spec.passes * 0.0015) / took))
    const end = performance.now() + (seconds * 1000) / ours.length
    do {
      const sample = await session.sample({...spec, repetitions: 4})
      for (const each of sample.seconds) rates.push(sample.work / each)
    } while (performance.now() < end)
  }
  return {rate: Math.max(...rates), median: median(rates)}
}

/** A kernel that stayed below this share of its row's best for so many turns has no more of them: its width is not the CPU's best. */
const near = 0.85
const fair = 3

/** Iterations for the wanted time at a rate; likwid's own calibration would take seconds per point. */
function theirRate({metric: {likwid, threads}, kernels: seen}, guess, seconds) {
  let best
  const highest = Math.max(0, ...[...seen.values()].map(({most}) => most))
  for (const {kernel, bytes, field, perIteration} of likwid) {
    const own = seen.get(kernel) ?? {most: 0, times: 0}
    if (own.times >= fair && own.most < near * highest) continue
    const iterations = Math.max(10, Math.round((guess * seconds) / perIteration))
    const words = ['-t', kernel, '-W', `S0:${Math.round(bytes / 1000)}kB:${threads}`, '-i', `${iterations}`]
    const run = spawnSync('likwid-bench', words, {encoding: 'utf8'})
    const value = Number(new RegExp(`^${field}:\\s+([\\d.]+)`, 'm').exec(run.stdout ?? '')?.[1]) * 1e6
    seen.set(kernel, {most: Math.max(value || 0, own.most), times: own.times + 1})
    if (value > 0 && !(best?.rate >= value)) best = {rate: value, median: value, kernel}
  }
  return best
}

let nearest = Number.POSITIVE_INFINITY
/** Where the host has the threads now: how long two of them take to meet, against the shortest time seen. 62 and 320 ns on a Zen 4 guest. */
async function stateOf({threads, level}) {
  if (level !== 'DRAM' || threads === 1) return 'any'
  const spec = {probe: 'fork-join', isa: isas.at(-1).name, threads, bytes: 0, roam: false, clock: false}
  const {seconds} = await session.sample({...spec, passes: 200, repetitions: 5})
  const meeting = Math.min(...seconds) / 200
  nearest = Math.min(nearest, meeting)
  return meeting > 2 * nearest ? 'apart' : 'together'
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const cell = (value, width) => String(value).padStart(width)
const g = (value) => (value > 0 ? (value / 1e9).toFixed(1) : 'failed')
const ratio = (a, b) => (b > 0 ? (a / b).toFixed(3) : 'n/a')

const runStarted = performance.now()
const spent = (from) => (performance.now() - from) / 1000

/** One more turn of a row on each side: in DRAM, which changes for seconds at a time, three short ones. */
async function visit(row) {
  const fine = row.metric.level === 'DRAM' ? 3 : 1
  for (let i = 0; i < fine && !row.failed; i++) {
    const ours = await ourRate(row.metric, seconds / fine)
    row.taken.push({side: 'ours', ...ours, state: await stateOf(row.metric)})
    const theirs = theirRate(row, ours.rate, seconds / fine)
    if (theirs) row.taken.push({side: 'theirs', ...theirs, state: await stateOf(row.metric)})
    else row.failed = true
  }
}

/** What is told of a row. likwid's kernel is that of its best turn. */
function summary({metric, taken}) {
  const {ours, theirs, state} = compared(taken)
  const of = (side) => taken.filter((t) => t.side === side && (state === null || t.state === state))
  const best = of('theirs').sort((a, b) => b.rate - a.rate)[0]
  return {
    metric: metric.name,
    unit: metric.unit,
    ours: {max: Math.max(...ours), median: median(of('ours').map((t) => t.median)), turns: ours.length},
    likwid: best
      ? {max: best.rate, median: median(of('theirs').map((t) => t.median)), turns: theirs.length, kernel: best.kernel}
      : null,
    unsettled: unsettled(taken).map((side) => (side === 'ours' ? 'ours' : 'likwid')),
    ...(state === 'any' ? {} : {state: state ?? 'mixed'}),
  }
}

const races = metrics
  .filter(({name}) => name.includes(flags.only))
  .map((metric) => ({metric, taken: [], kernels: new Map(), failed: false}))
const isOpen = ({failed, taken}) => !failed && unsettled(taken).length > 0
for (let round = 0; ; round++) {
  const todo = round < turns ? races : races.filter(isOpen)
  if (todo.length === 0 || (round >= turns && spent(runStarted) > limit)) break
  for (const [i, row] of todo.entries()) {
    if (round >= turns && spent(runStarted) > limit) break
    process.stderr.write(`\r${Math.round(spent(runStarted))} s, turn ${round + 1}: row ${i + 1} of ${todo.length} `)
    await visit(row)
  }
}
process.stderr.write('\r\x1b[K')

process.stdout.write(
  `${cpus()[0].model}, ${allowed} CPUs, ${turns} turns of ${seconds} s each and more where needed, ${Math.round(spent(runStarted))} s, ${new Date().toISOString().slice(0, 10)}\n` +
    `${'metric'.padEnd(24)} ${cell('ours max', 9)} ${cell('median', 9)} ${cell('likwid max', 10)} ${cell('median', 9)} ${cell('max', 6)} ${cell('med', 6)} ${cell('turns', 6)}  unit, likwid kernel\n`,
)
const rows = races.map(summary)
for (const row of rows) {
  const remarks = [
    ...(row.state ? [`threads ${row.state}`] : []),
    ...(row.unsettled.length > 0 ? [`unsettled: ${row.unsettled.join(' and ')}`] : []),
  ]
  process.stdout.write(
    `${row.metric.padEnd(24)} ${cell(g(row.ours.max), 9)} ${cell(g(row.ours.median), 9)} ${cell(g(row.likwid?.max), 10)} ` +
      `${cell(g(row.likwid?.median), 9)} ${cell(ratio(row.ours.max, row.likwid?.max), 6)} ${cell(ratio(row.ours.median, row.likwid?.median), 6)} ` +
      `${cell(`${row.ours.turns}/${row.likwid?.turns ?? 0}`, 6)}  ${[`${row.unit}, ${row.likwid?.kernel ?? ''}`, ...remarks].join('; ')}\n`,
  )
}
session.close()

const names = (list) => list.map(({metric}) => metric).join('; ')
const below = rows.filter(({ours, likwid}) => likwid && ours.max < 0.98 * likwid.max)
const lower = rows.filter(({ours, likwid}) => likwid && ours.max < likwid.max)
const restless = rows.filter(({likwid, unsettled: sides}) => likwid && sides.length > 0)
process.stdout.write(
  `${rows.length - lower.length} of ${rows.length} ceilings are the peer's or above${lower.length === 0 ? '.' : `; below: ${names(lower)}`}\n` +
    `${below.length === 0 ? 'No ceiling lies below the peer by more than 2 %.' : `Below the peer by more than 2 %: ${names(below)}`}\n` +
    `${restless.length === 0 ? 'Every maximum was met twice within 1 %, on both sides.' : `Not settled within ${limit} s: ${names(restless)}`}\n`,
)
if (flags.json)
  writeFileSync(
    flags.json,
    `${JSON.stringify({date: new Date().toISOString(), cpu: cpus()[0].model, turns, seconds, limit, rows}, null, 2)}\n`,
  )
