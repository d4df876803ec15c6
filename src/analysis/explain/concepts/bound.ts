import {format, formatShare} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const bound: Concept = {
  id: 'bound',
  also: ['bounds'],
  title: 'Bound: the ceiling that an operator waits for',
  source:
    'Williams, Waterman & Patterson 2009, Communications of the ACM 52(4), 65–76; Yang et al. 2020 (arXiv:2009.05257)',
  text() {
    const {run, compute, memory} = stage()
    const up = (options: Parameters<typeof run>[0]) => run(options).operators.find((op) => op.id === 'layers.mlp.up')!
    const op = up({phase: 'decode'})
    const total = run({phase: 'decode'})
    return [
      'The time of an operator is at least the slowest of what it needs:',
      '  time.lower = max(FLOPs ÷ peak, bytes ÷ bandwidth of each level, launch)',
      'Its bound is the id of the ceiling behind that maximum (matrix-bf16, dram, …), or latency where starting it takes longest.',
      'Worked: the up projection of Llama 3 8B, one token, bf16, H100 SXM:',
      `  arithmetic: ${format(op.flops, 'FLOP')} ÷ ${format(compute.rate, 'FLOP/s')} = ${format(op.flops / compute.rate, 's')}`,
      `  memory:     ${format(op.bytes.DRAM!, 'B')} ÷ ${format(memory.rate, 'B/s')} = ${format(op.bytes.DRAM! / memory.rate, 's')}`,
      `  bound:      ${op.bound}, at least ${format(op.time.lower, 's')}`,
      `The bound of a whole pass is the ceiling that binds for most of its time (here ${total.bound}, ${formatShare(total.operators.reduce((sum, o) => (o.bound === total.bound ? sum + o.share : sum), 0))}). time.upper adds the terms instead: nothing overlaps. A measurement lies between the two, or something else limits.`,
      'Only what the bound names makes an operator faster: a larger batch for memory, a narrower type for both, fewer launches for latency.',
    ]
  },
}
