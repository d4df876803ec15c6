import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {linear} from './linear.ts'
import {input, type OpDef, output} from './types.ts'

/** c[batch,m,n] = a[batch,m,k] · b[batch,k,n] + bias[n], both operands activations */
export type MatmulDims = {
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
  readonly bias: boolean
}

export const matmul: OpDef<'matmul', MatmulDims> = {
  kind: 'matmul',
  title: 'a batched matrix product of two activations, and a bias',
  trait: 'contraction',
  formula: '2·batch·m·n·k + bias·batch·m·n',
  source: 'definition; 1 MAC = 2 FLOP (Golub & Van Loan, Matrix Computations, §1.1)',
  cost({batch, m, n, k, bias}) {
    const macs = batch * m * n * k
    const biased = bias ? batch * m * n : 0
    const reads = [input('a', batch * m * k), input('b', batch * k * n)]
    if (bias) reads.push(input('bias', n))
    return {
      macs,
      flops: 2 * macs + biased,
      matrix: 2 * macs,
      vector: biased,
      special: 0,
      reads,
      writes: [output('c', batch * m * n)],
    }
  },
  reference({batch, m, n, k, bias}, [a, b, c]) {
    const y = new Float64Array(batch * m * n)
    for (let i = 0; i < batch; i++) {
      const inputs = [a!.subarray(i * m * k, (i + 1) * m * k), b!.subarray(i * k * n, (i + 1) * k * n)]
      if (bias) inputs.push(c!)
      y.set(linear.reference!({m, n, k, bias}, inputs)[0]!, i * m * n)
    }
    return [y]
  },
  // da = dc·bᵀ and db = aᵀ·dc, both data; the bias takes the sum of dc over batch and rows
  backward({batch, m, n, k, bias}) {
    const [a, b, c] = [batch * m * k, batch * k * n, batch * m * n]
    const writes = [
      {at: 0, elements: a},
      {at: 1, elements: b},
    ]
    if (bias) writes.push({at: 2, elements: n})
    const reads = [gradientOf(0, c), ofInput(0, a), ofInput(1, b)]
    const formula = '4·batch·m·n·k + bias·batch·m·n'
    return {data: productPart(formula, 2 * batch * m * n * k, {reads, writes}, bias ? c : 0), weights: null}
  },
  examples: [
    {
      dims: {batch: 12, m: 64, n: 64, k: 64, bias: false},
      flops: 6_291_456,
      bytes: 589_824,
      source: 'pytorch/pytorch issue #195460: half of the two products of 1×12×64×64',
    },
    {
      dims: {batch: 2, m: 1, n: 2, k: 3, bias: true},
      flops: 28,
      bytes: 96,
      source: 'by hand: 24 + 4; 4 B × (6 + 12 + 2 + 4)',
    },
  ],
}
