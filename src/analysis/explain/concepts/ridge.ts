import {format} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const ridge: Concept = {
  id: 'ridge',
  also: ['ridge-point', 'machine-balance'],
  title: 'Ridge point: the intensity from which a machine can reach its peak',
  source: 'Williams, Waterman & Patterson 2009, Communications of the ACM 52(4), 65–76',
  text() {
    const {machine, compute, memory, ridge: point, run} = stage()
    const product = (batch: number) =>
      run({phase: 'decode', batch, context: 0}).operators.find((op) => op.id === 'layers.mlp.up')!
    const start = Math.floor(point)
    const batch = Array.from({length: start}, (_, i) => start + i).find((b) => product(b).bound === compute.ceiling.id)!
    return [
      'Where the slope of the roofline meets its flat line:',
      '  ridge = peak ÷ bandwidth   (FLOP/B)',
      'An operator with less intensity than the ridge waits for memory, one with more waits for arithmetic.',
      `Worked: ${machine.name} in ${compute.dtype}:`,
      `  ${format(compute.rate, 'FLOP/s')} ÷ ${format(memory.rate, 'B/s')} = ${format(point, 'FLOP/B', 4)}`,
      `A product with a large weight matrix does about one FLOP per byte and token (2 FLOP for each 2-byte weight), so it needs about as many tokens at once as the ridge. The engine’s answer for the up projection of Llama 3 8B, inputs and outputs included: bound by arithmetic from batch ${batch} on.`,
      'The ridge depends on the type: half the bits per value often double the peak, and the ridge with it. Each memory level has its own ridge; a cache has a higher bandwidth, so a lower one.',
    ]
  },
}
