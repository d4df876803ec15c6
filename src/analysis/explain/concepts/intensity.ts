import {format, formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const intensity: Concept = {
  id: 'intensity',
  also: ['arithmetic-intensity', 'operational-intensity'],
  title: 'Arithmetic intensity: FLOPs per byte moved',
  source: 'Williams, Waterman & Patterson 2009, Communications of the ACM 52(4), 65–76',
  text() {
    const {run} = stage()
    const up = (options: Parameters<typeof run>[0]) => run(options).operators.find((op) => op.id === 'layers.mlp.up')!
    const one = up({phase: 'decode'})
    const many = up({phase: 'prefill', seq: 2048})
    const elementwise = (id: string) => run({phase: 'decode'}).operators.find((op) => op.id === id)!.intensity
    const line = (name: string, op: typeof one) =>
      `  ${name}: ${formatCount(op.flops)} FLOP ÷ ${formatCount(op.bytes.DRAM!)} B = ${format(op.intensity, 'FLOP/B', 4)}`
    return [
      'How much work an operator makes of each byte it moves:',
      '  intensity = FLOPs ÷ bytes',
      'The bytes are those at a stated memory level under a stated model. Here: the outermost level, and compulsory traffic, each tensor read or written once.',
      'Worked: the up projection of Llama 3 8B in bf16, a product of x [tokens × 4096] and weights [4096 × 14336]:',
      line('   1 token ', one),
      line('2048 tokens', many),
      'The weights are read once in both cases; with more tokens each of them is used more often. That is why batches and long prompts run near the peak, and why a single decoded token does not.',
      `Elementwise operators have the same intensity at any size (adding two tensors ${format(elementwise('layers.attn.residual'), 'FLOP/B')}, SwiGLU ${format(elementwise('layers.mlp.act'), 'FLOP/B')}): only fusing them into a neighbour helps.`,
    ]
  },
}
