import {elementwise} from './elementwise.ts'

export const add = elementwise({
  kind: 'add',
  title: 'adds two tensors (residual connections)',
  inputs: ['x', 'y'],
  flops: 1,
  special: 0,
  source: 'definition',
  apply: (x, y) => x! + y!,
  backward: 'passes',
  examples: [
    {
      dims: {elements: 1024 * 768},
      flops: 786_432,
      bytes: 9_437_184,
      source: 'GPT-2 residual, 1,024 tokens: 3 × 786,432 × 4 B',
    },
  ],
})
