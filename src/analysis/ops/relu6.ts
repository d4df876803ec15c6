import {elementwise} from './elementwise.ts'

export const relu6 = elementwise({
  kind: 'relu6',
  title: 'min(max(x, 0), 6)',
  inputs: ['x'],
  flops: 2,
  special: 0,
  source: 'Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10; one max, one min',
  apply: (x) => Math.min(Math.max(x!, 0), 6),
  // dy where 0 < y < 6: two comparisons
  backward: {flops: 2, special: 0, keeps: 'output'},
  examples: [
    {dims: {elements: 32 * 112 * 112}, flops: 802_816, bytes: 3_211_264, source: 'MobileNetV2, first: 2·32·112²'},
  ],
})
