import {gradientOf, ofExtra, vectorPart} from '../training/rules.ts'
import {pool, resnetWindow} from './pool.ts'

export const maxPool = pool({
  kind: 'max-pool',
  title: 'the largest element of each window; padding is −∞',
  formula: 'batch·channels·outputs·(taps - 1)',
  source: 'definition: taps − 1 comparisons; Dumoulin & Visin 2016 (arXiv:1603.07285) §3',
  flops: (taps) => taps - 1,
  start: Number.NEGATIVE_INFINITY,
  fold: Math.max,
  finish: (largest) => largest,
  // forward keeps where each largest element was, 8 bytes as PyTorch does; its gradient is added there
  backward: (inputs, outputs) => ({
    data: vectorPart('batch·channels·outputs', outputs, {
      reads: [gradientOf(0, outputs), ofExtra(0, outputs)],
      writes: [{at: 0, elements: inputs}],
    }),
    weights: null,
    extra: [{name: 'positions', elements: outputs, dtype: 'i64'}],
  }),
  examples: [
    {
      dims: resnetWindow,
      flops: 1_605_632,
      bytes: 4_014_080,
      source: "ResNet's only pool: 64·56²·8; 4 B × 64·(112² + 56²)",
    },
  ],
})
