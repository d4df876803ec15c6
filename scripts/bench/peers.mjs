#!/usr/bin/env node
// Our probes against likwid-bench, A B A B in one run: a shared machine drifts by 15 % within half an hour, so that only figures taken
// in turn can be compared. Prints the ratio of the maxima (the ceilings) and of the medians (what one mean would say).
//   npm run bench:peers                        all metrics, three turns each (about four minutes)
//   npm run bench:peers -- gemm                matrix products against OpenBLAS and oneDNN: peers-gemm.mjs
//   npm run bench:peers -- ort                 kernels against ONNX Runtime: peers/ort.mjs
//   npm run bench:peers -- --turns 5 --seconds 0.4 --only L1 --json FILE
import {spawnSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {cpus, freemem} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'

if (process.argv[2] === 'gemm') {
  await import('./peers-gemm.mjs')
  process.exit()
}
if (process.argv[2] === 'ort') {
  await import('./peers/ort.mjs')
  process.exit(0)
}

const {values: flags} = parseArgs({
  options: {
    turns: {type: 'string', default: '3'},
    seconds: {type: 'string', default: '0.3'},
    only: {type: 'string', default: ''},
    json: {type: 'string'},
  },
})
const turns = Number(flags.turns)
const seconds = Number(flags.seconds)
if (!(Number.isInteger(turns) && turns >= 1 && turns <= 100) || !(seconds >= 0.05 && seconds <= 60)) {
  process.stderr.write('--turns is a whole number from 1 to 100, --seconds a number from 0.05 to 60\n')
  process.exit(2)
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const probe = spawnSync('likwid-bench', ['-a'], {encoding: 'utf8'})
if (probe.error) {
  process.stderr.write(
    'likwid-bench is not installed. Debian and Ubuntu: apt-get install likwid; elsewhere: https://github.com/RRZE-HPC/likwid\n',
  )
  process.exit(4)
}
const kernels = new Set(probe.stdout.split('\n').map((line) => line.split(' ')[0]))

let addon
try {
  addon = createRequire(import.meta.url)(join(root, 'build', 'Release', 'ridgepoint.node'))
} catch (error) {
  process.stderr.write(`the native addon does not load: ${error.message.split('\n')[0]}; npm run build:native\n`)
  process.exit(4)
}
const {isas, allowed} = addon.cpu()
const has = (isa) => isas.some(({name}) => name === isa)
const threadCounts = allowed > 1 ? [1, allowed] : [1]

// --- what is compared: the same working set, the same bytes counted (payload), likwid's best width and ours

const KiB = 1024
const MiB = 1024 * KiB
const suffixes = [
  ...(has('avx512') ? ['_avx512'] : []),
  ...(has('avx2') ? ['_avx'] : []),
  ...(has('sse') ? ['_sse'] : []),
]
const levels = [
  {level: 'L1', perThread: 16 * KiB},
  {level: 'L2', perThread: 512 * KiB},
  {level: 'L3', perThread: 4 * MiB},
  {level: 'DRAM', perThread: Math.min(512 * MiB, Math.floor(freemem() / 8 / MiB) * MiB)},
]
const peaks = [
  {name: 'f32 AVX-512 FMA', isa: 'avx512', ours: 'fma-f32', likwid: 'peakflops_sp_avx512_fma', bytes: 4, flops: 30},
  {name: 'f64 AVX-512 FMA', isa: 'avx512', ours: 'fma-f64', likwid: 'peakflops_avx512_fma', bytes: 8, flops: 30},
  {name: 'f32 AVX2 FMA', isa: 'avx2', ours: 'fma-f32', likwid: 'peakflops_sp_avx_fma', bytes: 4, flops: 30},
  {name: 'f64 AVX2 FMA', isa: 'avx2', ours: 'fma-f64', likwid: 'peakflops_avx_fma', bytes: 8, flops: 30},
  {name: 'f32 128 bit', isa: 'sse', ours: 'fma-f32', likwid: 'peakflops_sp_sse', bytes: 4, flops: 30},
  {name: 'f64 128 bit', isa: 'sse', ours: 'fma-f64', likwid: 'peakflops_sse', bytes: 8, flops: 30},
]
const mixes = [
  {mix: 'read', likwid: 'load'},
  {mix: 'write', likwid: 'store'},
  {mix: 'copy', likwid: 'copy'},
  {mix: 'update', likwid: 'update'},
  {mix: 'triad', likwid: 'stream', fma: true},
]
const likwidNames = (base, fma) =>
  (fma ? suffixes.flatMap((s) => [`${base}${s}_fma`, `${base}${s}`]) : suffixes.map((s) => `${base}${s}`)).filter((n) =>
    kernels.has(n),
  )
const widest = isas.at(-1).name
const metrics = threadCounts.flatMap((threads) => [
  ...peaks
    .filter(({isa, likwid}) => has(isa) && kernels.has(likwid))
    .map((p) => ({
      name: `${p.name}, ${threads} T`,
      unit: 'GFLOP/s',
      threads,
      ours: [{probe: p.ours, isa: p.isa, bytes: 0, roam: false}],
      // 16 kB per thread, as likwid's own peak runs use
      likwid: [
        {
          kernel: p.likwid,
          bytes: 16_000 * threads,
          field: 'MFlops/s',
          perIteration: (16_000 * threads * p.flops) / p.bytes,
        },
      ],
    })),
  ...levels.flatMap(({level, perThread}) =>
    mixes.map(({mix, likwid, fma}) => ({
      name: `${mix} ${level}, ${threads} T`,
      unit: 'GB/s',
      threads,
      ours:
        level === 'DRAM'
          ? [mix, `${mix}-streams`].map((name) => ({
              probe: name,
              isa: widest,
              bytes: 16 * MiB - 5120,
              roam: true,
              perThread,
            }))
          : (level === 'L1' ? isas.slice(-2) : isas.slice(-1)).map(({name}) => ({
              probe: mix,
              isa: name,
              bytes: perThread,
              roam: false,
            })),
      // both widths where they differ, in L1; the best counts on both sides
      likwid: likwidNames(likwid, fma)
        .slice(0, level === 'L1' ? 4 : 1)
        .map((kernel) => ({
          kernel,
          bytes: perThread * threads,
          field: 'MByte/s',
          perIteration: perThread * threads * (mix === 'update' ? 2 : 1),
        })),
    })),
  ),
])

// --- one turn of each

async function ourTurn(session, {ours, threads}) {
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
  rates.sort((a, b) => a - b)
  return {max: rates.at(-1), median: rates[rates.length >> 1]}
}

/** Iterations for the wanted time at a rate; likwid's own calibration would take seconds per point. */
function likwidTurn({likwid, threads}, guess) {
  let best
  for (const {kernel, bytes, field, perIteration} of likwid) {
    const iterations = Math.max(10, Math.round((guess * seconds) / perIteration))
    const run = spawnSync(
      'likwid-bench',
      ['-t', kernel, '-W', `S0:${Math.round(bytes / 1000)}kB:${threads}`, '-i', `${iterations}`],
      {
        encoding: 'utf8',
      },
    )
    const value = Number(new RegExp(`^${field}:\\s+([\\d.]+)`, 'm').exec(run.stdout ?? '')?.[1]) * 1e6
    if (value > 0 && !(best?.value >= value)) best = {value, kernel}
  }
  return best
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const cell = (value, width) => String(value).padStart(width)

const resident = 4 * MiB
const perThread = levels.at(-1).perThread
const session = new addon.Session()
await session.open(
  threadCounts.at(-1) === 1 ? [resident + perThread] : Array.from({length: allowed}, () => resident + perThread),
  Array.from({length: allowed}, () => resident),
)
process.stdout.write(
  `${cpus()[0].model}, ${allowed} CPUs, ${turns} turns of ${seconds} s each, ${new Date().toISOString().slice(0, 10)}\n` +
    `${'metric'.padEnd(24)} ${cell('ours max', 9)} ${cell('median', 9)} ${cell('likwid max', 10)} ${cell('median', 9)} ${cell('max', 6)} ${cell('med', 6)}  unit, likwid kernel\n`,
)
const rows = []
for (const metric of metrics.filter(({name}) => name.includes(flags.only))) {
  const ours = []
  const theirs = []
  for (let turn = 0; turn < turns; turn++) {
    ours.push(await ourTurn(session, metric))
    const result = likwidTurn(metric, ours[0].max)
    if (result) theirs.push(result)
  }
  const row = {
    metric: metric.name,
    unit: metric.unit,
    ours: {max: Math.max(...ours.map(({max}) => max)), median: median(ours.map((turn) => turn.median))},
    likwid: theirs.length
      ? {
          max: Math.max(...theirs.map(({value}) => value)),
          median: median(theirs.map(({value}) => value)),
          kernel: theirs[0].kernel,
        }
      : null,
  }
  rows.push(row)
  const g = (value) => (value / 1e9).toFixed(1)
  const ratio = (a, b) => (b > 0 ? (a / b).toFixed(3) : 'n/a')
  process.stdout.write(
    `${row.metric.padEnd(24)} ${cell(g(row.ours.max), 9)} ${cell(g(row.ours.median), 9)} ${cell(row.likwid ? g(row.likwid.max) : 'failed', 10)} ` +
      `${cell(row.likwid ? g(row.likwid.median) : '', 9)} ${cell(ratio(row.ours.max, row.likwid?.max), 6)} ${cell(ratio(row.ours.median, row.likwid?.median), 6)}  ${metric.unit}, ${row.likwid?.kernel ?? ''}\n`,
  )
}
session.close()
const below = rows.filter(({ours, likwid}) => likwid && ours.max < 0.98 * likwid.max)
process.stdout.write(
  below.length === 0
    ? 'No ceiling lies below the peer by more than 2 %.\n'
    : `Below the peer by more than 2 %: ${below.map(({metric}) => metric).join('; ')}\n`,
)
if (flags.json)
  writeFileSync(
    flags.json,
    `${JSON.stringify({date: new Date().toISOString(), cpu: cpus()[0].model, turns, seconds, rows}, null, 2)}\n`,
  )
