import type {Format} from '../index.ts'
import {badFile} from '../source.ts'
import {mentions, opensObject, wholeText} from './json.ts'

export const safetensorsIndexFormat: Format = {
  id: 'safetensors-index',
  title: 'index of safetensors shards',
  sniff: (head) => opensObject(head) && mentions(head, 'weight_map'),
  async read(file) {
    const {readSafetensors, readShardIndex} = await import('../safetensors.ts')
    const {weightsModel} = await import('./weights.ts')
    const shards = readShardIndex(wholeText(file.source, file.origin), file.origin)
    const weights = shards.flatMap((shard) => {
      const source = file.beside(shard)
      if (!source)
        badFile(
          file.origin,
          `the shard ${shard} does not lie beside it`,
          'download every shard, or give the config.json',
        )
      return readSafetensors(source, `${file.origin}: ${shard}`)
    })
    return weightsModel(file, weights, `safetensors, ${shards.length} shards`)
  },
}
