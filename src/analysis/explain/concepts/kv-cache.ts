import {format, formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const kvCache: Concept = {
  id: 'kv-cache',
  title: 'KV cache: keys and values of past tokens, kept instead of recomputed',
  source: 'Shazeer 2019 (arXiv:1911.02150) §2.4; paging: Kwon et al. 2023 (arXiv:2309.06180)',
  text() {
    const {model, run, capacity, machine} = stage()
    const {layers, kvHeads, headDim} = model.spec
    const cache = (tokens: number) => run({phase: 'decode', context: tokens - 1}).memory.kvCache
    const each = cache(2) - cache(1)
    const context = 8192
    const full = cache(context)
    const {weights} = run({phase: 'decode'}).memory
    return [
      'A decoder attends from each new token to all before it. Their keys and values do not change, so they are kept. Without the cache every step would run the whole sequence again; with it a step reads the cache and appends one token.',
      '  bytes per token = 2 · layers · kvHeads · headDim · bytes per value',
      'Worked: Llama 3 8B in bf16 (2 for keys and values):',
      `  2 · ${layers} · ${kvHeads} · ${headDim} · 2 B = ${formatCount(each)} B per token and sequence`,
      `A context of ${formatCount(context)} tokens holds ${format(full, 'B')}; the weights ${format(weights, 'B')}. Weights are shared by a batch, caches are not: on ${machine.name} at most ${Math.floor((capacity - weights) / full)} such sequences fit beside them.`,
      'Each decode step reads the whole cache of each sequence, with about one FLOP per byte and query head in a group. A larger batch does not raise that intensity. What does: fewer KV heads (see gqa) or a narrower type (--kv-dtype).',
    ]
  },
}
