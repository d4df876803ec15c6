/** Throughput over batch, prefill and decode: the engine runs at every batch. */
import {batchInputs, batchSpec, batchWords} from '../chart/batch-spec.ts'
import {batchSweep, noBatches, noSweep} from '../chart/batches.ts'
import type {View} from '../view.ts'

export const throughput: View = {
  id: 'throughput',
  title: 'Throughput over batch',
  spec: batchSpec('rate', 'Tokens or samples per second, at most'),
  // the phase is written behind its line
  margins: () => ({left: 64, right: 62, top: 26, bottom: 44}),
  missing: (_analysis, more) => noBatches(more.source),
  inputs: (_analysis, _state, more) => batchInputs(more?.source ? batchSweep(more.source) : noSweep, 'rate'),
  howToRead:
    'The lines rise with the batch while the weights, which all samples share, take most of the pass. They flatten at the dashed knee, from where reading the weights takes no more than half of it: what each sample brings, its KV cache, its activations or its arithmetic, grows with the batch. From the dotted ridge on arithmetic binds the whole pass, and a larger batch only waits longer. A hollow point does not fit the memory of one device.',
  assumptions: [
    'Bounds under the ceilings: throughput is at most this, time at least; no queueing, no padding, every sample as long as the others.',
    'An operator that waits for memory spends its time on weights, cache and activations in proportion to their bytes; one that arithmetic binds waits for no weights (Pope et al. 2022, section 2).',
    'Prefill has the length of this workload’s prompt, decode its context behind it.',
  ],
  describe: (_analysis, more) => (more?.source ? batchWords(batchSweep(more.source), 'rate') : 'Batch 1 to 1,024.'),
}
