/** Latency over batch, prefill and decode: the engine runs at every batch. */
import {batchInputs, batchSpec, batchWords} from '../chart/batch-spec.ts'
import {batchSweep, noBatches, noSweep} from '../chart/batches.ts'
import type {View} from '../view.ts'

export const latency: View = {
  id: 'latency',
  title: 'Latency over batch',
  spec: batchSpec('latency', 'Time of the pass, at least'),
  // the phase is written behind its line
  margins: () => ({left: 64, right: 62, top: 26, bottom: 44}),
  missing: (_analysis, more) => noBatches(more.source),
  inputs: (_analysis, _state, more) => batchInputs(more?.source ? batchSweep(more.source) : noSweep, 'latency'),
  howToRead:
    'A flat part means that a larger batch costs almost no time: reading the weights, which all samples share, takes most of the pass. Behind the dashed knee it takes no more than half, and the time grows with what each sample brings. From the dotted ridge on arithmetic binds the whole pass. A hollow point does not fit the memory of one device.',
  assumptions: [
    'Bounds under the ceilings: throughput is at most this, time at least; no queueing, no padding, every sample as long as the others.',
    'An operator that waits for memory spends its time on weights, cache and activations in proportion to their bytes; one that arithmetic binds waits for no weights (Pope et al. 2022, section 2).',
    'Prefill has the length of this workload’s prompt, decode its context behind it.',
  ],
  describe: (_analysis, more) => (more?.source ? batchWords(batchSweep(more.source), 'latency') : 'Batch 1 to 1,024.'),
}
