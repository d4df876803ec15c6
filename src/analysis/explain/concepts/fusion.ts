import {format} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const fusion: Concept = {
  id: 'fusion',
  title: 'Fusion: several operators in one kernel',
  source: 'Dao et al. 2022 (arXiv:2205.14135); Chen et al. 2018, TVM (OSDI ’18) §3',
  text() {
    const {run} = stage()
    const unfused = run({phase: 'prefill', seq: 2048, fusion: 'none'})
    const fused = run({phase: 'prefill', seq: 2048, fusion: 'attention'})
    const parts = ['scores', 'softmax', 'values'].map(
      (name) => unfused.operators.find((op) => op.id === `layers.attn.${name}`)!,
    )
    const whole = fused.operators.find((op) => op.kind === 'attention')!
    const bytes = parts.reduce((sum, op) => sum + op.bytes.DRAM!, 0)
    const seconds = parts.reduce((sum, op) => sum + op.time.lower, 0)
    const flops = parts.reduce((sum, op) => sum + op.flops, 0)
    return [
      'Operators run one by one write their result to memory and the next reads it back. One kernel for the chain keeps it on chip: the FLOPs stay, the bytes in between go, and so does a launch per operator.',
      'Worked: attention of one layer of Llama 3 8B, 2048 tokens, bf16:',
      `  scores, softmax, values: ${format(bytes, 'B')}, ${format(flops / bytes, 'FLOP/B')}, ${format(seconds, 's')}`,
      `  fused, online softmax:   ${format(whole.bytes.DRAM!, 'B')}, ${format(whole.intensity, 'FLOP/B')}, ${format(whole.time.lower, 's')}`,
      'The scores grow with the square of the length and never reach memory when fused; masked blocks are skipped as well.',
      '  --fusion none         every operator by itself',
      '  --fusion elementwise  epilogues in products, residual + norm',
      '  --fusion attention    attention in one kernel (the default)',
      '  --fusion all          both, and whole chains: the most that fusing can bring',
      'Every analysis shows all four side by side: bytes, intensity, time.',
    ]
  },
}
