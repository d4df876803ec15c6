/** Whole processes, A B B A …: drift of the machine meets both alike. */
import {spawnSync} from 'node:child_process'
import {join} from 'node:path'
import {median} from './statistics.mjs'

/** Milliseconds from spawn to exit. */
function time(args) {
  const start = process.hrtime.bigint()
  const run = spawnSync(process.execPath, args, {stdio: ['ignore', 'ignore', 'inherit']})
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6
  if (run.status !== 0) throw new Error(`${args.join(' ')} exited with ${run.status}`)
  return elapsed
}

/**
 * @param {string} root folder of the package
 * @param {number} samples pairs
 */
export function measureStartup(root, samples) {
  const perf = [join(root, 'bin', 'perf.js'), 'analyze', 'llama-3-8b', '--machine', 'h100-sxm', '--json']
  const empty = ['-e', '0']
  // file caches are warm from the second run on
  for (let i = 0; i < 2; i++) for (const args of [empty, perf]) time(args)
  const pairs = Array.from({length: samples}, (_, i) => {
    if (i % 2 === 0) {
      const node = time(empty)
      return {node, perf: time(perf)}
    }
    const first = time(perf)
    return {node: time(empty), perf: first}
  })
  return {
    samples,
    ratio: median(pairs.map((pair) => pair.perf / pair.node)),
    perf: median(pairs.map((pair) => pair.perf)),
    node: median(pairs.map((pair) => pair.node)),
    perfBest: Math.min(...pairs.map((pair) => pair.perf)),
    nodeBest: Math.min(...pairs.map((pair) => pair.node)),
  }
}
