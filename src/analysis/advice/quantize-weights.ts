import {quantize} from './quantize.ts'
import type {AdviceRule} from './types.ts'

export const quantizeWeights: AdviceRule = {
  id: 'quantize-weights',
  title: 'narrower weights where operators wait for them',
  apply: (context) =>
    quantize(context, ['int8', 'int4'], {
      rule: 'quantize-weights',
      role: 'weight',
      field: 'weights',
      memory: 'weights',
      what: 'Weights',
      flag: '--weights-dtype',
    }),
  example: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'decode'}},
  counterExample: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'prefill', seq: 2048, logits: 'all'}},
}
