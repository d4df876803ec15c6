import {attainable} from '../../roofline.ts'
import {format, formatShare} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const roofline: Concept = {
  id: 'roofline',
  title: 'Roofline: the fastest that a machine can run an operator',
  source: 'Williams, Waterman & Patterson 2009, Communications of the ACM 52(4), 65–76',
  text() {
    const {machine, compute, memory} = stage()
    const low = 10
    const reached = attainable(low, compute.rate, memory.rate)
    return [
      'Two facts bound every operator: how fast the machine computes and how fast it moves bytes. With intensity, the FLOPs an operator makes of each byte, on one axis and FLOP/s on the other, the bounds are a slope and a flat line, a roof:',
      '  attainable FLOP/s = min(peak, intensity × bandwidth)',
      `Worked: ${machine.name} in ${compute.dtype}: peak ${format(compute.rate, 'FLOP/s')}, bandwidth ${format(memory.rate, 'B/s')}. An operator with ${low} FLOP/B reaches at most`,
      `  min(${format(compute.rate, 'FLOP/s')}, ${low} FLOP/B × ${format(memory.rate, 'B/s')}) = ${format(reached, 'FLOP/s')}`,
      `which is ${formatShare(reached / compute.rate)} of the peak. Faster arithmetic would not help it; fewer bytes would.`,
      'Under the slope, move fewer bytes or reuse them more. Under the flat line, compute less or in a narrower type. Far below the roof, something else limits: latency, idle cores, strides. Above the roof, a count is wrong or the bytes came from a cache.',
    ]
  },
}
