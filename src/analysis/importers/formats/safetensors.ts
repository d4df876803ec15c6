import type {Format} from '../index.ts'
import {headerLength} from '../safetensors.ts'

export const safetensorsFormat: Format = {
  id: 'safetensors',
  title: 'safetensors',
  sniff: (head, source) => headerLength(head, source.size) !== null,
  async read(file) {
    const {readSafetensors} = await import('../safetensors.ts')
    const {weightsModel} = await import('./weights.ts')
    return weightsModel(file, readSafetensors(file.source, file.origin), 'safetensors')
  },
}
