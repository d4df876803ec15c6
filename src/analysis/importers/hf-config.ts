/** Hugging Face `config.json` → model, for the families in `hf/families.ts`. */
import type {ModelWork} from '../architectures/types.ts'
import {nearest} from '../catalog.ts'
import {type ComputeDType, parseDType} from '../dtype.ts'
import {AnalysisError, quoted, type Warning} from '../errors.ts'
import {parameterCount} from '../graph.ts'
import {buildGraph, traitsOf} from '../models/types.ts'
import {families} from './hf/families.ts'
import type {ConfigModel, Family} from './hf/family.ts'
import {type Config, fail, get} from './hf/fields.ts'
import {images} from './hf/images.ts'
import {parseJson} from './json.ts'
import {firstId} from './names.ts'
import {show} from './show.ts'

/** The longest config.json: the largest published ones (with quantization lists) stay below 100 kB. */
const MAX_CHARACTERS = 1_000_000

export interface ImportedModel {
  model: ConfigModel
  warnings: Warning[]
}

/** The workload that shows a model's weights. */
const oneToken = {
  batch: 1,
  seq: 1,
  context: 0,
  logits: 'last',
  tp: 1,
  image: null,
  srcSeq: null,
  graph: null,
} as const

/** The images and sources that a model is made for. */
function sizesOf(model: ConfigModel): Pick<ModelWork, 'image' | 'srcSeq'> {
  const {image = null, srcSeq = null} = traitsOf(model)
  return {image, srcSeq}
}

function readJson(text: string, origin: string): unknown {
  if (text.length > MAX_CHARACTERS) {
    throw new AnalysisError(
      'bad-config',
      `${origin}: the file has ${text.length} characters; a config.json has at most ${MAX_CHARACTERS}`,
      ['give the model’s config.json, not its weights or tokenizer'],
    )
  }
  const refuse = (wrong: string) =>
    new AnalysisError('bad-json', `${origin}: not JSON: ${wrong}`, [
      'give the config.json that lies beside the weights of the model',
    ])
  return parseJson(text, refuse)
}

function familyOf(config: Config): {type: string; family: Family} {
  const known = Object.keys(families)
  // diffusers names the class of the model instead
  const type = get(config, 'model_type') ?? get(config, '_class_name')
  if (typeof type !== 'string')
    fail(config, 'model_type', type === undefined ? 'missing' : `${show(type)} is not a text`, [
      `it is one of ${known.join(', ')}`,
    ])
  if (!Object.hasOwn(families, type)) {
    const near = nearest(type, known, 1)
    fail(config, 'model_type', `${quoted(type)} is not supported${near[0] ? `; the nearest is ${near[0]}` : ''}`, [
      `supported: ${known.join(', ')}`,
    ])
  }
  return {type, family: families[type as keyof typeof families]}
}

/** The type of the weights; the newer library writes `dtype`, the older `torch_dtype`. f32 where neither says. */
function dtypeOf(config: Config): ComputeDType {
  for (const field of ['dtype', 'torch_dtype']) {
    const value = get(config, field)
    if (value === undefined || value === null || value === 'auto') continue
    if (typeof value !== 'string') fail(config, field, `${show(value)} is not the name of a type`)
    try {
      return parseDType(value.slice(0, 60), field)
    } catch (error) {
      if (!(error instanceof AnalysisError)) throw error
      fail(config, field, `${show(value)} is not a known type`, error.suggestions)
    }
  }
  return 'f32'
}

/** A short id: the name the file carries, else its folder or file name, else the family. */
function idOf(config: Config, type: string): string {
  const named = get(config, '_name_or_path')
  const path = config.origin.split(/[\\/]/).filter((part) => part !== '' && part !== '.' && part !== '..')
  const last = path.at(-1)?.replace(/\.json$/i, '') ?? ''
  const folder = last === 'config' ? (path.at(-2) ?? '') : last
  const candidates = [typeof named === 'string' ? (named.split(/[\\/]/).at(-1) ?? '') : '', folder, type]
  return firstId(candidates)
}

function remarks(config: Config, model: ConfigModel): Warning[] {
  const warnings: Warning[] = []
  const quantization = get(config, 'quantization_config')
  if (typeof quantization === 'object' && quantization !== null) {
    warnings.push({
      code: 'quantization-ignored',
      message: `${config.origin}: quantization_config is not read: bytes are those of the stated type; --weights-dtype int8 or int4 sets another`,
    })
  }
  const architectures = get(config, 'architectures')
  const first = Array.isArray(architectures) ? architectures[0] : undefined
  if (typeof first === 'string' && Object.hasOwn(images, String(get(config, 'model_type')))) {
    if (!first.endsWith('ForImageClassification'))
      warnings.push({
        code: 'other-head',
        message: `${config.origin}: ${quoted(first)} has another head: the analysis is of the classifier`,
      })
    return warnings
  }
  const generates = /(ForCausalLM|LMHeadModel|DoubleHeadsModel|ForConditionalGeneration)$/
  const hasHead = model.architecture !== 'transformer' || model.spec.lmHead
  if (typeof first === 'string' && hasHead && !generates.test(first)) {
    warnings.push({
      code: 'other-head',
      message: `${config.origin}: ${quoted(first)} has another head: the analysis is of the language model, LM head included`,
    })
  }
  return warnings
}

/**
 * Reads a Hugging Face `config.json` of the families in `hf/families.ts`.
 *
 * Absent optional fields take the defaults that the library documents; unknown fields are ignored, as the library does.
 * @param source the text of the file, or its parsed value
 * @param origin what messages call the file
 * @throws AnalysisError `bad-json` where it is not JSON, `bad-config` for every other mistake; the message begins with
 * the origin and the field
 */
export function parseConfig(source: unknown, origin: string): ImportedModel {
  const place = origin.length > 200 ? `…${origin.slice(-199)}` : origin
  const parsed = typeof source === 'string' ? readJson(source, place) : source
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new AnalysisError('bad-config', `${place}: the config is ${show(parsed)}, not an object`, [
      'give the config.json that lies beside the weights of the model',
    ])
  }
  const config: Config = {origin: place, fields: parsed as Record<string, unknown>}
  const {type, family} = familyOf(config)
  const warnings: Warning[] = []
  const id = idOf(config, type)
  const named = get(config, '_name_or_path')
  const name = typeof named === 'string' && named.trim() !== '' ? quoted(named).slice(1, -1) : id
  const model = family.model(config, warnings, {
    id,
    name,
    source: `${place} (Hugging Face config.json, ${type})`,
    dtype: dtypeOf(config),
  })
  const {total} = parameterCount(buildGraph(model, {...oneToken, ...sizesOf(model)}))
  if (!Number.isSafeInteger(total))
    fail(config, 'sizes', `together they make ${total.toExponential(2)} parameters; counts are exact below 2^53`)
  warnings.push(...remarks(config, model))
  return {model, warnings}
}
