/** A model of weights: the operators of the config beside them, or the list of weights alone. */
import {parameterCount} from '../../graph.ts'
import {buildGraph} from '../../models/types.ts'
import {resolveWorkload} from '../../workload.ts'
import type {Imported, ModelFile} from '../index.ts'
import {idFrom} from '../names.ts'
import {type ListedWeight, mainDType, weightsOnly} from '../weights-only.ts'
import {wholeText} from './json.ts'

/**
 * @param file the file that was asked for, beside which a config.json may lie
 * @param weights what it lists, shards together
 */
export async function weightsModel(file: ModelFile, weights: readonly ListedWeight[], kind: string): Promise<Imported> {
  const {origin} = file
  const config = file.beside('config.json')
  const id = idFrom(origin, 'weights')
  if (!config) {
    const about = {id, name: id, source: `${origin} (${kind})`}
    return weightsOnly(about, origin, weights, 'no config.json lies beside them, which would tell the operators')
  }
  const {parseConfig} = await import('../hf-config.ts')
  const {model, warnings} = parseConfig(wholeText(config, origin), `config.json beside ${origin}`)
  const typed = {...model, id, dtype: mainDType(weights), source: `${model.source}; ${origin} (${kind})`}
  const counted = parameterCount(buildGraph(typed, resolveWorkload(typed, {batch: 1}))).total
  const listed = weights.reduce((sum, weight) => sum + weight.elements, 0)
  if (counted === listed) return {model: typed, warnings}
  const differ = {
    code: 'other-weights',
    message: `${origin}: the file lists ${listed} weights, the model of its config.json has ${counted}`,
  }
  return {model: typed, warnings: [...warnings, differ]}
}
