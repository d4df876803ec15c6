import {ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

export type MseLossDims = {readonly elements: number}

export const mseLoss: OpDef<'mse-loss', MseLossDims> = {
  kind: 'mse-loss',
  title: 'mean squared error, Σ (x − t)²/n',
  trait: 'rowwise',
  formula: '3·elements + 1',
  where: 'per element: subtract, square, sum; one divide',
  source: 'Goodfellow et al. 2016, Deep Learning, §5.1.4',
  cost({elements}) {
    const flops = 3 * elements + 1
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', elements), input('target', elements)],
      writes: [output('loss', 1)],
    }
  },
  reference({elements}, [x, target]) {
    let sum = 0
    for (let i = 0; i < elements; i++) sum += (x![i]! - target![i]!) ** 2
    return [Float64Array.of(sum / elements)]
  },
  // 2/n·(x − t): subtract, scale
  backward: ({elements}) => ({
    data: vectorPart('2·elements', 2 * elements, {
      reads: [ofInput(0, elements), ofInput(1, elements)],
      writes: [{at: 0, elements}],
    }),
    weights: null,
  }),
  examples: [
    {dims: {elements: 1000}, flops: 3001, bytes: 8004, source: 'by hand: 3 × 1,000 + 1; 4 B × (2 × 1,000 + 1)'},
  ],
}
