#!/usr/bin/env node
/**
 * Reads mutated model files in a worker with limits of memory and time: `npm run fuzz -- --format onnx --count 100000`.
 * Formats: those of src/analysis/importers, or `all`. The count of each is printed; a crash, a hang or a leak fails, and
 * prints the seed that makes its file again (`--seed N --count 1`).
 */
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {Worker} from 'node:worker_threads'
import {build} from 'esbuild'
import {readFlags} from './bench/flags.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const {values} = readFlags(import.meta.url, {
  options: {
    format: {type: 'string', default: 'all'},
    count: {type: 'string', default: '100000'},
    seed: {type: 'string', default: '0'},
  },
})

/** Memory of the worker; a file may not take longer than this, nor leave more than this behind. */
const limits = {heapMb: 256, fileSeconds: 10, leakMb: 24}

/** The worker: reads the files of its seeds and tells where it is before each hundred. */
const worker = `
import {parentPort, workerData} from 'node:worker_threads'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {attempt, corpora, mutated} from './tests/analysis/importers/support/fuzz.ts'
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const {format, seed, count, root} = workerData
const files = corpora(root)[format]
const heap = () => {
  collect()
  return process.memoryUsage().heapUsed
}
const outcomes = {read: 0, refused: 0}
let slowest = {seed, ms: 0}
let before = heap()
let failure = null
for (let i = 0; i < count && !failure; i++) {
  const one = seed + i
  parentPort.postMessage({at: one})
  // what is compiled and cached in the first files is no leak
  if (i === Math.min(500, Math.floor(count / 2))) before = heap()
  const started = performance.now()
  try {
    outcomes[await attempt(format, mutated(files, one))]++
  } catch (error) {
    failure = {seed: one, message: error instanceof Error ? (error.stack ?? error.message) : String(error)}
  }
  const ms = performance.now() - started
  if (ms > slowest.ms) slowest = {seed: one, ms}
}
parentPort.postMessage({done: true, outcomes, slowest, failure, grown: heap() - before})
`

async function bundle(outfile) {
  await build({
    stdin: {contents: worker, resolveDir: root, loader: 'ts'},
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outfile,
    logLevel: 'warning',
  })
}

/** One format: resolves to what the worker found, or to the way it died. */
function run(file, format, seed, count) {
  return new Promise((resolve) => {
    const thread = new Worker(file, {
      workerData: {format, seed, count, root},
      resourceLimits: {maxOldGenerationSizeMb: limits.heapMb},
    })
    let at = seed
    let last = Date.now()
    const watch = setInterval(() => {
      if (Date.now() - last < limits.fileSeconds * 1000) return
      finish({failure: {seed: at, message: `takes longer than ${limits.fileSeconds} s`}})
    }, 500)
    const finish = (result) => {
      clearInterval(watch)
      thread.terminate()
      resolve(result)
    }
    thread.on('message', (message) => {
      last = Date.now()
      if (message.done) finish(message)
      else at = message.at
    })
    thread.on('error', (error) => finish({failure: {seed: at, message: error.message}}))
    thread.on('exit', (code) => finish({failure: {seed: at, message: `the worker ends with ${code}`}}))
  })
}

const all = ['onnx', 'gguf', 'safetensors', 'safetensors-index', 'hf-config']
const formats = values.format === 'all' ? all : values.format.split(',')
const [count, seed] = [Number(values.count), Number(values.seed)]
const wrong = formats.find((format) => !all.includes(format))
if (wrong !== undefined || !Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  process.stderr.write(`usage: fuzz --format ${all.join('|')}|all --count N --seed N\n`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-fuzz-'))
let failed = false
try {
  const file = join(folder, 'worker.mjs')
  await bundle(file)
  for (const format of formats) {
    const started = performance.now()
    const {outcomes, slowest, failure, grown} = await run(file, format, seed, count)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    if (failure) {
      failed = true
      process.stdout.write(`${format}: seed ${failure.seed} fails: ${failure.message}\n`)
      continue
    }
    const leak = grown > limits.leakMb * 2 ** 20
    failed ||= leak
    process.stdout.write(
      `${format}: ${count} mutated files in ${seconds} s: ${outcomes.read} read, ${outcomes.refused} refused in one line, ` +
        `0 crashes, 0 hangs; slowest ${slowest.ms.toFixed(0)} ms (seed ${slowest.seed}); ` +
        `heap ${(grown / 2 ** 20).toFixed(1)} MiB larger${leak ? ': a leak' : ''}\n`,
    )
  }
} finally {
  rmSync(folder, {recursive: true, force: true})
}
process.exitCode = failed ? 1 : 0
