/** Latency over batch, prefill and decode: the engine runs at every batch. */
import {batchInputs, batchSpec, batchWords} from '../chart/batch-spec.ts'
import {batchSweep, noBatches} from '../chart/batches.ts'
import type {View} from '../view.ts'

export const latency: View = {
  id: 'latency',
  title: 'Latency over batch',
  spec: batchSpec('latency', 'Time of the pass, at least'),
  // the phase is written behind its line
  margins: () => ({left: 64, right: 62, top: 26, bottom: 44}),
  missing: (_analysis, more) => noBatches(more.source),
  inputs: (_analysis, _state, more) =>
    batchInputs(more?.source ? batchSweep(more.source) : {rows: [], ridges: [], unit: 'Tokens', sizes: ''}, 'latency'),
  howToRead:
    'A flat part means that a larger batch costs no time: memory binds, and the weights dominate it. Behind the dotted ridge arithmetic binds and the time grows with the batch. A hollow point does not fit the memory of one device.',
  assumptions: [
    'Bounds under the ceilings: throughput is at most this, time at least; no queueing, no padding, every sample as long as the others.',
    'Prefill has the length of this workload’s prompt, decode its context behind it.',
  ],
  describe: (_analysis, more) => (more?.source ? batchWords(batchSweep(more.source)) : 'Batch 1 to 1,024.'),
}
