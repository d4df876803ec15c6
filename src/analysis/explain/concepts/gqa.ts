import {format, formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const gqa: Concept = {
  id: 'gqa',
  also: ['grouped-query-attention', 'mqa'],
  title: 'Grouped-query attention: several query heads share one KV head',
  source: 'Ainslie et al. 2023 (arXiv:2305.13245); multi-query: Shazeer 2019 (arXiv:1911.02150)',
  text() {
    const {model, run} = stage()
    const {heads} = model.spec
    const context = 8192
    const variant = (kvHeads: number) => {
      const evaluation = run({phase: 'decode', context}, {...model, spec: {...model.spec, kvHeads}})
      const attention = evaluation.operators.find((op) => op.kind === 'attention')!
      return {kvHeads, cache: evaluation.memory.kvCache, intensity: attention.intensity, flops: attention.flops}
    }
    const rows = [variant(heads), variant(model.spec.kvHeads), variant(1)]
    const names = ['multi-head  ', 'grouped     ', 'multi-query ']
    return [
      'Every query head needs keys and values, not necessarily its own. With heads ÷ kvHeads queries per KV head the cache and its traffic shrink by that factor; the FLOPs of the two attention products stay.',
      `Worked: Llama 3 8B (${heads} query heads), decode after ${formatCount(context)} tokens, bf16:`,
      ...rows.map(
        (row, i) =>
          `  ${names[i]} ${String(row.kvHeads).padStart(2)} KV heads: cache ${format(row.cache, 'B').padStart(7)}, attention ${format(row.intensity, 'FLOP/B')}`,
      ),
      `All three compute ${format(rows[0]!.flops, 'FLOP')} per layer in attention. The intensity of decode attention in bf16 is about the number of query heads per KV head, whatever the batch and the context: grouping is what lifts it, and a narrower cache type.`,
      'The products that make keys and values shrink too. Model files call it num_key_value_heads; here it is --kv-heads.',
    ]
  },
}
