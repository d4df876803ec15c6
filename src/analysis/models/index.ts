/** Every built-in model, one line each. A file in this folder that is missing here fails a test. */
import {bertBase} from './bert-base.ts'
import {gpt2} from './gpt2.ts'
import {llama3_8b} from './llama-3-8b.ts'
import {llama3_70b} from './llama-3-70b.ts'
import {mistral7b} from './mistral-7b.ts'
import {qwen25_7b} from './qwen2.5-7b.ts'
import {transformer} from './transformer.ts'
import type {ModelDef} from './types.ts'

export const models = {
  transformer,
  gpt2,
  'bert-base': bertBase,
  'llama-3-8b': llama3_8b,
  'llama-3-70b': llama3_70b,
  'mistral-7b': mistral7b,
  'qwen2.5-7b': qwen25_7b,
} as const satisfies Record<string, ModelDef>
