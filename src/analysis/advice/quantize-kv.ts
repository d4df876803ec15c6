import {quantize} from './quantize.ts'
import type {AdviceRule} from './types.ts'

export const quantizeKv: AdviceRule = {
  id: 'quantize-kv',
  title: 'a narrower KV cache where attention waits for it',
  apply: (context) =>
    quantize(context, ['int8'], {
      rule: 'quantize-kv',
      role: 'kv',
      field: 'kv',
      memory: 'kvCache',
      what: 'KV cache',
      flag: '--kv-dtype',
    }),
  example: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'decode', batch: 64, context: 4096}},
  counterExample: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'decode', batch: 1, context: 16}},
}
