// Our kernels against ONNX Runtime's on the same shapes and values, A B A B in one run, with one thread and all.
//   npm run bench:peers -- ort [--turns 5] [--seconds 0.1] [--threads 1] [--set fused] [--only softmax] [--write NAME]
// onnxruntime-node is no dependency: ONNXRUNTIME_NODE_INSTALL=skip npm i --no-save onnxruntime-node. Its calls from JavaScript copy every
// output into new memory, 64 MiB in 30 ms: so its models end in the shape of their result, which costs a microsecond. That, the time of a
// model of one element in the same turn, is subtracted. --write NAME adds docs/results/DATE-peers-ort-NAME.md.
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {cpus} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {setTimeout as wait} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {readFlags} from '../flags.mjs'
import {neighbours} from '../neighbour.mjs'
import {median} from '../statistics.mjs'
import {arrays, model} from './onnx.mjs'
import {fusedCases, plainCases, without} from './ort-cases.mjs'
import {leastTaken} from './turns.mjs'

const fail = (code, ...lines) => {
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(code)
}
const {values: flags} = readFlags(import.meta.url, {
  args: process.argv.slice(3),
  options: {
    turns: {type: 'string', default: '5'},
    seconds: {type: 'string', default: '0.1'},
    threads: {type: 'string', default: ''},
    only: {type: 'string', default: ''},
    set: {type: 'string', default: 'plain,fused'},
    write: {type: 'string'},
  },
})
const turns = Number(flags.turns)
const seconds = Number(flags.seconds)
if (!(Number.isInteger(turns) && turns >= 1 && turns <= 100) || !(seconds >= 0.01 && seconds <= 60))
  fail(2, '--turns is a whole number from 1 to 100, --seconds a number from 0.01 to 60')
const sets = {plain: () => [...plainCases(1024, 1024), ...plainCases(4096, 4096)], fused: fusedCases}
if (!flags.set.split(',').every((set) => set in sets))
  fail(2, `--set is one of ${Object.keys(sets).join(', ')}, or both`)
if (flags.write !== undefined && !/^[a-z0-9-]+$/.test(flags.write))
  fail(2, '--write NAME names the machine: zen4, cascade-lake')

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const require = createRequire(import.meta.url)
const load = (what, remedy, from) => {
  try {
    return require(from)
  } catch (error) {
    return fail(4, `${what} does not load: ${error.message.split('\n')[0]}`, remedy)
  }
}
const install =
  'ONNXRUNTIME_NODE_INSTALL=skip npm i --no-save onnxruntime-node   (the variable leaves out 200 MB for NVIDIA GPUs)'
const ort = load('onnxruntime-node', install, 'onnxruntime-node')
const addon = load('the native addon', 'npm run build:native', join(root, 'build', 'Release', 'ridgepoint.node'))
const {version} = require('onnxruntime-node/package.json')
const {allowed, isas} = addon.cpu()
const isa = isas.at(-1).name
const threadCounts = flags.threads ? [Number(flags.threads)] : allowed > 1 ? [1, allowed] : [1]
if (threadCounts.some((threads) => !(Number.isInteger(threads) && threads >= 1 && threads <= allowed)))
  fail(2, `--threads is a whole number from 1 to ${allowed}`)

// --- values, the same for both

const count = (shape) => shape.reduce((a, b) => a * b, 1)
/** Values repeat after so many, a number prime to every size of rows: they are made once. */
const period = 99_991
/** Values of ours by name; bytes of 4-bit weights hold two. */
function valuesOf({tensors}) {
  return Object.fromEntries(
    tensors.map(([name, shape, type = 'float32'], at) => {
      const values = new arrays[type](count(shape))
      const scale = type === 'float32' ? 1 : 127
      const start = type === 'uint8' ? 128 : 0
      const some = Math.min(values.length, period)
      for (let i = 0; i < some; i++)
        values[i] = start + scale * ((((i + 1 + at * 7919) * 0.6180339887498949) % 1) * 2 - 1)
      for (let from = some; from < values.length; from *= 2) values.copyWithin(from, 0, from)
      return [name, values]
    }),
  )
}
const outsOf = ({outs = 1}) => outs
const resultOf = (one) => one.result ?? one.tensors.at(-1)[0]

/** What ONNX Runtime gets: its tensors by name, those that are weights, and those that are fed. */
function fedOf(one, values) {
  const own = one.tensors.map(([name, shape, type = 'float32']) => ({name, shape, type, values: values[name]}))
  const derived = Object.entries(one.derived ?? {}).map(([name, [shape, type, make]]) => ({
    name,
    shape,
    type,
    values: make(values),
  }))
  const written = new Set(one.nodes.flatMap(({out}) => out))
  const read = new Set(one.nodes.flatMap((n) => n.in))
  const used = [...own, ...derived].filter(({name}) => read.has(name) && !written.has(name))
  const isConstant = ({name}) => (one.constants ?? []).includes(name)
  return {constants: used.filter(isConstant), inputs: used.filter((tensor) => !isConstant(tensor))}
}

/** @param hasResult the model ends in its result, to compare values; without in the shape of it */
async function ortRun(one, values, threads, hasResult) {
  const {constants, inputs} = fedOf(one, values)
  const result = resultOf(one)
  const rank = (one.tensors.find(([name]) => name === result)?.[1] ?? [1, 1, 1]).length
  const output = hasResult
    ? {name: result, shape: Array(rank).fill(1), type: 'float32'}
    : {name: 'shape', shape: [rank], type: 'int64'}
  const nodes = hasResult ? one.nodes : [...one.nodes, {op: 'Shape', in: [result], out: ['shape']}]
  const bytes = model({nodes, inputs: inputs.map(open), constants, outputs: [open(output)]})
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: one.plain ? 'disabled' : 'all',
    enableCpuMemArena: true,
    enableMemPattern: true,
    logSeverityLevel: 3,
  })
  const feeds = Object.fromEntries(inputs.map((t) => [t.name, new ort.Tensor(t.type, t.values, t.shape)]))
  return {run: async () => (await session.run(feeds))[output.name], close: () => session.release()}
}
const open = ({name, shape, type}) => ({name, shape, type})

async function ourRun(one, values, threads) {
  const session = new addon.Session()
  await session.open(Array(threads).fill(64), Array(threads).fill(0))
  await session.allocate(
    one.tensors.map(([name, , type = 'float32']) => ({
      bytes: values[name].byteLength,
      fill: type === 'float32' ? 'f32' : 'bytes',
      data: values[name],
    })),
  )
  const numbers = one.tensors.map((_, i) => i)
  const outs = outsOf(one)
  const stages = [{kernel: one.kernel, dims: one.dims, in: numbers.slice(0, -outs), out: numbers.slice(-outs)}]
  const spec = {probe: 'program', isa, threads, bytes: 0, roam: false, passes: 1, clock: false, stages}
  // 0.4 ms at six instructions a cycle and 3 GHz
  const witness = {...spec, probe: 'issue', passes: 75_000, repetitions: 2, clock: true}
  return {
    run: async (repetitions) => [...(await session.sample({...spec, repetitions})).seconds],
    /** instructions per cycle and thread: fewer where a neighbour is on the core's other hardware thread */
    perCycle: async () => {
      const {work, seconds, clockHz} = await session.sample(witness)
      return work / threads / Math.min(...seconds) / Math.max(...clockHz)
    },
    close: () => session.close(),
  }
}

/** Largest difference of both results, as a share of the largest value: sums of thousands of terms cancel, and keep the error of the terms. */
async function difference(one, values) {
  const outs = outsOf(one)
  const arraysOf = (list) => list.map(([name]) => values[name])
  addon.runOp(isa, one.kernel, one.dims, arraysOf(one.tensors.slice(0, -outs)), arraysOf(one.tensors.slice(-outs)), 1)
  const ours = values[one.tensors.at(-outs)[0]]
  const session = await ortRun(one, values, 1, true)
  const theirs = (await session.run()).data
  await session.close()
  if (theirs.length !== ours.length) return Number.POSITIVE_INFINITY
  let worst = 0
  let scale = 1
  for (let i = 0; i < ours.length; i++) {
    const error = Math.abs(ours[i] - theirs[i])
    worst = error <= worst ? worst : error
    scale = Math.max(scale, Math.abs(theirs[i]))
  }
  return worst / scale
}

async function timed(run, budget) {
  const times = []
  const end = performance.now() + budget * 1000
  do {
    const from = performance.now()
    await run()
    times.push((performance.now() - from) / 1000)
  } while (performance.now() < end)
  return times
}

/** ONNX Runtime's threads spin for some milliseconds after a call. */
const settle = 15

/** Calls after which ONNX Runtime has its memory: it traces the first, plans the second, and pages come with the third. */
const warmUps = 3

const least = (times) => times.reduce((a, b) => Math.min(a, b))

/** Seconds of a turn in which calls of one element are timed: what a call costs moves by microseconds from turn to turn. */
const idleSeconds = 0.01

/** @param idle a model of one element, with as many threads */
async function compare(one, values, threads, idle) {
  const [ours, theirs] = [await ourRun(one, values, threads), await ortRun(one, values, threads, false)]
  const times = {ours: [], best: [], theirs: [], perCycle: []}
  for (let i = 0; i < warmUps; i++) await theirs.run()
  await wait(settle)
  const [first] = await ours.run(1)
  for (let turn = 0; turn < turns; turn++) {
    await wait(settle)
    times.ours = times.ours.concat(await ours.run(Math.max(2, Math.round(seconds / Math.max(first, 1e-6)))))
    times.perCycle.push(await ours.perCycle())
    const empty = await timed(idle.run, idleSeconds)
    await wait(settle)
    const calls = await timed(theirs.run, seconds)
    times.best.push(least(calls) - least(empty))
    const usual = median(empty)
    times.theirs = times.theirs.concat(calls.map((t) => t - usual))
  }
  await theirs.close()
  ours.close()
  return {
    name: one.title ?? one.kernel,
    theirs: one.nodes
      .map(({op}) => op)
      .filter((op) => op !== 'Unsqueeze')
      .join(', '),
    size: one.dims.join('×'),
    threads,
    isLoose: one.loose === true,
    best: {ours: least(times.ours), theirs: leastTaken(times.best)},
    median: {ours: median(times.ours), theirs: leastTaken([median(times.theirs)])},
    perCycle: median(times.perCycle),
  }
}

// --- the table

const largest = 1e-3
const empty = {
  tensors: [
    ['x', [1]],
    ['y', [1]],
  ],
  nodes: [{op: 'Relu', in: ['x'], out: ['y']}],
}
const cases = flags.set
  .split(',')
  .flatMap((set) => sets[set]())
  .filter(({kernel, title}) => (title ?? kernel).includes(flags.only))
if (cases.length === 0) fail(2, `--only ${flags.only}: no such kernel`)
process.stdout.write(
  `${cpus()[0].model}, ${allowed} CPUs, ONNX Runtime ${version}, ${turns} turns of ${seconds} s, ${new Date().toISOString().slice(0, 10)}\n` +
    `${'kernel'.padEnd(40)}${'size'.padEnd(30)}threads    ours µs     ORT µs  ORT ÷ ours: best, median  instructions per cycle\n`,
)
const rows = []
const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '–')
const us = (value) => fixed(value * 1e6, 1)
const idles = new Map()
for (const threads of threadCounts) idles.set(threads, await ortRun(empty, valuesOf(empty), threads, false))
for (const one of cases) {
  const values = valuesOf(one)
  const error = await difference(one, values)
  for (const threads of threadCounts) {
    const row = {...(await compare(one, values, threads, idles.get(threads))), error}
    rows.push(row)
    const wrong =
      error <= largest ? '' : row.isLoose ? `  (off by ${error.toPrecision(1)})` : `  WRONG: off by ${error}`
    process.stdout.write(
      `${row.name.padEnd(40)}${row.size.padEnd(30)}${String(threads).padStart(7)}${us(row.best.ours).padStart(11)}${us(row.best.theirs).padStart(11)}` +
        `  ${fixed(row.best.theirs / row.best.ours, 2).padStart(6)} ${fixed(row.median.theirs / row.median.ours, 2).padStart(6)} ${fixed(row.perCycle, 1).padStart(6)}${wrong}\n`,
    )
  }
}
for (const idle of idles.values()) await idle.close()
const different = rows.filter(({error, isLoose}) => !isLoose && !(error <= largest))
const behind = rows
  .filter(({best}) => best.theirs < best.ours)
  .map((r) => `${r.name} ${r.size}, ${r.threads} thread${r.threads > 1 ? 's' : ''}`)
const verdict =
  behind.length === 0 ? 'No kernel is slower than ONNX Runtime.' : `Slower than ONNX Runtime: ${behind.join('; ')}.`
const left = Object.entries(without)
  .map(([names, why]) => `${names} (${why})`)
  .join('; ')
const shared = neighbours(rows, ({name, size, threads}) => `${name} ${size} on ${threads}`)
process.stdout.write(`${[verdict, shared].filter(Boolean).join('\n')}\nNothing to compare with: ${left}.\n`)
if (different.length > 0)
  fail(5, `Not the same numbers: ${different.map(({name, size}) => `${name} ${size}`).join('; ')}`)

if (flags.write) {
  const date = new Date().toISOString().slice(0, 10)
  const file = join(root, 'docs', 'results', `${date}-peers-ort-${flags.write}.md`)
  const line = (...cells) => `| ${cells.join(' | ')} |`
  const body = rows.map((r) =>
    line(
      r.name,
      r.theirs,
      r.size,
      r.threads,
      us(r.best.ours),
      us(r.best.theirs),
      fixed(r.best.theirs / r.best.ours, 2),
      fixed(r.median.theirs / r.median.ours, 2),
      fixed(r.perCycle, 1),
    ),
  )
  const notes = existsSync(file) ? (/\n## Notes\n[\s\S]*/.exec(readFileSync(file, 'utf8'))?.[0] ?? '') : ''
  writeFileSync(
    file,
    `# Kernels beside ONNX Runtime: ${cpus()[0].model}, ${allowed} cores

Machine: ${cpus()[0].model}, ${allowed} CPUs allowed, Node ${process.version}, ${isa}; onnxruntime-node ${version}. Date: ${date}. Command:
\`npm run bench:peers -- ort --turns ${turns} --seconds ${seconds} --set ${flags.set} --write ${flags.write}\`. Both in turn over the same values, results compared; microseconds of the fastest call.
ONNX Runtime gets its weights with the model and lays them out once; ours packs on every call. Its copies to JavaScript are not counted.

${[verdict, shared, `Nothing to compare with: ${left}.`]
  .filter(Boolean)
  .map((sentence) => `- ${sentence}`)
  .join('\n')}

${line('kernel', 'ONNX Runtime', 'size', 'threads', 'ours µs', 'ORT µs', 'ORT ÷ ours', 'of medians', 'instructions per cycle')}
${line('---', '---', '---', '---:', '---:', '---:', '---:', '---:', '---:')}
${body.join('\n')}
${notes}`,
  )
  process.stdout.write(`${file}\n`)
}
process.exit(0)
