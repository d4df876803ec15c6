import {format, formatShare} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const mfu: Concept = {
  id: 'mfu',
  also: ['model-flops-utilization'],
  title: 'MFU: model FLOPs utilization',
  source: 'Chowdhery et al. 2022 (arXiv:2204.02311) appendix B',
  text() {
    const {run, machine, compute} = stage()
    const share = (evaluation: ReturnType<typeof run>) => (2 * evaluation.macs) / evaluation.time.lower / compute.rate
    const prefill = run({phase: 'prefill', seq: 2048})
    const unfused = run({phase: 'prefill', seq: 2048, fusion: 'none'})
    const decode = run({phase: 'decode'})
    return [
      'The share of the dense peak that goes into work the model needs:',
      '  MFU = useful FLOPs of products (2 × MACs) ÷ (seconds × peak FLOP/s)',
      'Useful means what the model defines: not what an implementation computes and a mask throws away (executedFlops), not recomputation (HFU counts that). So a slower program never has a higher MFU.',
      `Worked: Llama 3 8B in bf16 on ${machine.name}, prefill of 2048 tokens:`,
      `  ${format(2 * prefill.macs, 'FLOP', 4)} ÷ (${format(prefill.time.lower, 's', 4)} × ${format(compute.rate, 'FLOP/s', 4)}) = ${formatShare(share(prefill))}`,
      `With materialized attention scores at most ${formatShare(share(unfused))}; one decode step at batch 1 at most ${formatShare(share(decode))}: it waits for memory, and MFU is the wrong yardstick there (take the share of the bandwidth).`,
      'These are upper limits from times that are lower bounds; measured systems are below. The peak is the dense one of the type that each product runs in. Vector units work beside products and are left out.',
    ]
  },
}
