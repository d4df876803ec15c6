import {gradientOf, vectorPart} from '../training/rules.ts'
import {pool, resnetWindow} from './pool.ts'

export const avgPool = pool({
  kind: 'avg-pool',
  title: 'the mean of each window; padding is zeros that count',
  formula: 'batch·channels·outputs·taps',
  source: 'definition: taps − 1 additions and a division; Dumoulin & Visin 2016 (arXiv:1603.07285) §3',
  flops: (taps) => taps,
  start: 0,
  fold: (sum, x) => sum + x,
  finish: (sum, taps) => sum / taps,
  // one division per window, one addition per tap
  backward: (inputs, outputs, taps) => ({
    data: vectorPart('batch·channels·outputs·(taps + 1)', outputs * (taps + 1), {
      reads: [gradientOf(0, outputs)],
      writes: [{at: 0, elements: inputs}],
    }),
    weights: null,
  }),
  examples: [
    {dims: resnetWindow, flops: 1_806_336, bytes: 4_014_080, source: '64·56²·9; 4 B × 64·(112² + 56²)'},
    {
      dims: {batch: 1, channels: 1, height: 1, width: 6, kernelHeight: 1, kernelWidth: 2, strideWidth: 2},
      flops: 6,
      bytes: 36,
      source: 'by hand: 3 windows × (1 addition + 1 division); 4 B × (6 + 3)',
    },
  ],
})
