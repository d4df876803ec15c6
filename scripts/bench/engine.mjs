/** Analyses per second of the engine: complete totals and operator lists, no strings, nothing remembered between two. */
import {median} from './statistics.mjs'

const runSeconds = 0.5

/**
 * @param engine the bundle of scripts/bench/index.mjs
 * @param {number} samples runs
 */
export function measureEngine({evaluateModel, models, machines, prepareRoof, resolveWorkload}, samples) {
  const model = models['llama-3-8b']
  const roof = prepareRoof(machines['h100-sxm'])
  let serial = 0
  let checksum = 0
  const analysis = () => {
    // no two of 4096 in a row ask the same question
    const batch = 1 + (serial % 64)
    const tokens = 128 + (serial % 4096)
    serial++
    const prefill = evaluateModel(model, resolveWorkload(model, {phase: 'prefill', batch, seq: tokens}), roof)
    const decode = evaluateModel(model, resolveWorkload(model, {phase: 'decode', batch, context: tokens}), roof)
    checksum += prefill.flops + decode.operators.length
  }
  const run = () => {
    const start = performance.now()
    let done = 0
    // the clock is read every 50 analyses: reading it each time would be measured too
    while (performance.now() - start < runSeconds * 1000) {
      for (let i = 0; i < 50; i++) analysis()
      done += 50
    }
    return done / ((performance.now() - start) / 1000)
  }
  // optimized code from here on
  for (let i = 0; i < 3; i++) run()
  const rates = Array.from({length: samples}, run)
  if (!(checksum > 0)) throw new Error('the engine computed nothing')
  return {samples, seconds: runSeconds, median: median(rates), best: Math.max(...rates)}
}
