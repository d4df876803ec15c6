#!/usr/bin/env node
/**
 * The figures of the project, with medians, machine and date: `npm run bench`. Never part of a timed test.
 *  - start-up: `perf analyze llama-3-8b --machine h100-sxm --json`, whole process, against `node -e 0`, interleaved
 *  - engine: analyses of Llama 3 8B (prefill and decode) per second on one core
 *  - files: an ONNX graph of 1,000 nodes in process, and an ONNX file of 2 GB
 * `--quick` takes fewer samples.
 */
import {mkdtempSync, rmSync} from 'node:fs'
import {cpus, tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'
import {build} from 'esbuild'
import {measureEngine} from './engine.mjs'
import {measureFiles} from './files.mjs'
import {readFlags} from './flags.mjs'
import {measureStartup} from './startup.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const {quick = false} = readFlags(import.meta.url, {options: {quick: {type: 'boolean'}}}).values

/** Modules of the project, bundled and minified as the command runs them. */
async function load(contents) {
  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-bench-'))
  const outfile = join(folder, 'engine.mjs')
  try {
    await build({
      stdin: {
        contents,
        resolveDir: root,
      },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      outfile,
      logLevel: 'warning',
    })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

const fixed = (value, digits = 1) => value.toFixed(digits)
const when = new Date().toISOString().slice(0, 16).replace('T', ' ')
process.stdout.write(`${cpus()[0].model}, ${cpus().length} CPUs, node ${process.version}, ${when} UTC\n\n`)

const startup = measureStartup(root, quick ? 9 : 41)
process.stdout.write(
  `start-up  ${fixed(startup.ratio, 2)} × node -e 0 (target at most 2.5 ×)\n` +
    `          perf analyze llama-3-8b --machine h100-sxm --json: median ${fixed(startup.perf)} ms, best ${fixed(startup.perfBest)} ms\n` +
    `          node -e 0: median ${fixed(startup.node)} ms, best ${fixed(startup.nodeBest)} ms; ${startup.samples} pairs, interleaved;\n` +
    `          the ratio is the median of the pairs' ratios\n\n`,
)

const engine = measureEngine(
  await load(`export {evaluateModel} from './src/analysis/analyze.ts'
export {models} from './src/analysis/models/index.ts'
export {machines} from './src/analysis/machines/index.ts'
export {prepareRoof} from './src/analysis/roofline.ts'
export {resolveWorkload} from './src/analysis/workload.ts'`),
  quick ? 5 : 15,
)
process.stdout.write(
  `engine    ${Math.round(engine.median).toLocaleString('en-US')} analyses/s on one core (target at least 20,000)\n` +
    `          median of ${engine.samples} runs of ${fixed(engine.seconds, 2)} s, best ${Math.round(engine.best).toLocaleString('en-US')};\n` +
    `          one analysis is prefill + decode of Llama 3 8B on H100 SXM, batch and sequence changed each time\n`,
)

const files = measureFiles(
  await load(`export {analyzeModel} from './src/analysis/analyze.ts'
export {parseOnnx} from './src/analysis/importers/onnx.ts'
export {bytesSource} from './src/analysis/importers/source.ts'
export {machines} from './src/analysis/machines/index.ts'`),
  await load(`export * from './tests/analysis/importers/support/onnx.ts'`),
  quick ? 5 : 25,
)
process.stdout.write(
  `\nfiles     ${fixed(files.graph.whole)} ms for an ONNX graph of 1,000 nodes, read and analyzed (target below 100 ms); reading alone ${fixed(files.graph.read)} ms\n` +
    `          ${fixed(files.large.ms)} ms for an ONNX file of ${fixed(files.large.size / 2 ** 30, 2)} GiB (target below 1 s), ${files.large.operators} operators;\n` +
    `          resident memory grows by ${fixed(files.large.rss / 2 ** 20)} MiB (target: 250 MB in all)\n`,
)
