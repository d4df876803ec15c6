import type {Format} from '../index.ts'
import {isText, opensJson, wholeText} from './json.ts'

export const hfConfigFormat: Format = {
  id: 'hf-config',
  title: 'Hugging Face config.json',
  // any JSON: the reader says what is wrong with it
  sniff: (head) => isText(head) && opensJson(head),
  async read({source, origin}) {
    const {parseConfig} = await import('../hf-config.ts')
    return parseConfig(wholeText(source, origin), origin)
  },
}
