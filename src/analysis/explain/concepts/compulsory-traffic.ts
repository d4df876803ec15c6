import {format, formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const compulsoryTraffic: Concept = {
  id: 'compulsory-traffic',
  also: ['compulsory-bytes', 'bytes'],
  title: 'Compulsory traffic: the least bytes an operator can move',
  source: 'Hong & Kung 1981 (STOC); tight bound for products: Kwasniewski et al. 2019 (SC ’19)',
  text() {
    const {run} = stage()
    const op = run({phase: 'prefill', seq: 2048}).operators.find(({id}) => id === 'layers.mlp.up')!
    const [m, n, k] = ['m', 'n', 'k'].map((name) => Number(op.shape[name]))
    const cache = 50 * 2 ** 20
    const elements = cache / 2
    const tight = ((2 * m! * n! * k!) / Math.sqrt(elements) + m! * n!) * 2
    const line = (use: (typeof op.reads)[number], what: string) =>
      `  ${what} ${use.name}: ${formatCount(use.elements)} × 2 B = ${format(use.bytes, 'B')}`
    return [
      'Each input must be read once and each output written once, whatever the program does. With nothing left in a cache by the operator before, these are the compulsory bytes: a lower bound, and the bytes of every analysis here unless another traffic model is named.',
      `Worked: the up projection of Llama 3 8B, ${m} tokens, bf16:`,
      ...op.reads.map((use) => line(use, 'read ')),
      ...op.writes.map((use) => line(use, 'write')),
      `  together ${format(op.bytes.DRAM!, 'B')}`,
      `Real kernels move more: tiles of the inputs are read again when they do not stay on chip. For a product with a fast memory of S elements no schedule moves fewer than about 2·m·n·k/√S + m·n elements; with 50 MiB (the L2 of an H100) that is ${format(tight, 'B')} here, so ${tight < op.bytes.DRAM! ? 'the compulsory bytes are the tighter bound' : 'that is the tighter bound'}.`,
    ]
  },
}
