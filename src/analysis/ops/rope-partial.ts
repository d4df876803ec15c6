import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {rope} from './rope.ts'
import {constant, input, type OpDef, output} from './types.ts'

/** As `rope`, on the first `rotary` channels of every head of `rotary + plain`. */
export type RopePartialDims = {
  readonly batch: number
  readonly seq: number
  readonly heads: number
  readonly kvHeads: number
  /** channels that turn, even */
  readonly headDim: number
  /** channels of a head that do not */
  readonly plain: number
}

export const ropePartial: OpDef<'rope-partial', RopePartialDims> = {
  kind: 'rope-partial',
  title: 'rotary position encoding of the first channels of each head; the others are copied',
  trait: 'elementwise',
  formula: '3·batch·seq·(heads + kvHeads)·headDim',
  where: 'headDim is the part that turns; the other plain channels are moved with it, as concatenating runtimes do',
  source: 'Su et al. 2021 (arXiv:2104.09864) eq. 34; part of a head: Black et al. 2022 (arXiv:2204.06745) §2.1',
  cost({batch, seq, heads, kvHeads, headDim, plain}) {
    const width = headDim + plain
    const q = batch * seq * heads * width
    const k = batch * seq * kvHeads * width
    const flops = 3 * batch * seq * (heads + kvHeads) * headDim
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('q', q), input('k', k), constant('cos, sin', seq * headDim)],
      writes: [output('q', q), output('k', k)],
    }
  },
  reference(d, [q, k, table]) {
    const {headDim, plain} = d
    const width = headDim + plain
    const part = (x: Float64Array) => x.filter((_, i) => i % width < headDim)
    const turned = rope.reference!(d, [part(q!), part(k!), table!])
    const whole = (x: Float64Array, rotated: Float64Array) =>
      x.map((v, i) => (i % width < headDim ? rotated[Math.floor(i / width) * headDim + (i % width)]! : v))
    return [whole(q!, turned[0]!), whole(k!, turned[1]!)]
  },
  // the inverse rotation
  backward({batch, seq, heads, kvHeads, headDim, plain}) {
    const q = batch * seq * heads * (headDim + plain)
    const k = batch * seq * kvHeads * (headDim + plain)
    const flops = 3 * batch * seq * (heads + kvHeads) * headDim
    const part = vectorPart('3·batch·seq·(heads + kvHeads)·headDim', flops, {
      reads: [gradientOf(0, q), gradientOf(1, k), ofInput(2, seq * headDim)],
      writes: [
        {at: 0, elements: q},
        {at: 1, elements: k},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, heads: 32, kvHeads: 32, headDim: 32, plain: 48},
      flops: 6144,
      bytes: 41_088,
      source: 'Phi-2, one token: 3·64·32; 4 B × (4·32·80 + 32)',
    },
  ],
}
