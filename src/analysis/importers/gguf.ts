/** GGUF file → model: an architecture from the metadata, its weights in the types they are stored in, tensor by tensor. */
import type {Mamba2Spec} from '../architectures/mamba2.ts'
import {mamba2} from '../architectures/mamba2.ts'
import type {StoredSpec} from '../architectures/stored.ts'
import {transformer} from '../architectures/transformer.ts'
import {quoted, type Warning} from '../errors.ts'
import type {ModelDef} from '../models/types.ts'
import {ggufArchitectures} from './gguf/families.ts'
import {Metadata} from './gguf/metadata.ts'
import {findParts} from './gguf/parts.ts'
import {layersOf, specOf, storedKinds, type Tensors} from './gguf/spec.ts'
import {readParts} from './gguf/split.ts'
import type {ModelFile} from './index.ts'
import {idFrom} from './names.ts'
import {badFile, placeOf} from './source.ts'
import {weightsOnly} from './weights-only.ts'

export interface ImportedGguf {
  readonly model: ModelDef
  readonly warnings: readonly Warning[]
}

/** The workload that shows a model's weights. */
const oneToken = {batch: 1, seq: 1, context: 0, logits: 'last', tp: 1} as const

type Stored = {readonly spec: StoredSpec; readonly warnings: readonly Warning[]}

function storedTransformer(meta: Metadata, tensors: Tensors): Stored {
  const {spec, groups} = specOf(meta, tensors)
  const {parts, warnings} = findParts(transformer(spec, oneToken), groups, tensors, meta.origin)
  return {spec: {base: spec, parts}, warnings}
}

/** Mamba-2: `ssm.*` of the metadata. Its layers are one block, so that all of them count as the first one is stored. */
function storedMamba(meta: Metadata, tensors: Tensors): Stored {
  const [inner, heads] = [meta.number('ssm.inner_size'), meta.number('ssm.time_step_rank')]
  if (inner % heads !== 0) meta.fail(`${heads} heads do not divide ${inner} channels`)
  const layers = layersOf(meta)
  const spec: Mamba2Spec = {
    layers,
    hidden: meta.number('embedding_length'),
    heads,
    headDim: inner / heads,
    state: meta.number('ssm.state_size'),
    groups: meta.number('ssm.group_count'),
    taps: meta.number('ssm.conv_kernel'),
    convBias: tensors.has('blk.0.ssm_conv1d.bias'),
    bias: false,
    vocab: tensors.get('token_embd.weight')?.shape[1] ?? meta.number('vocab_size'),
    tied: !tensors.has('output.weight'),
  }
  if (heads % spec.groups !== 0) meta.fail(`${spec.groups} groups do not divide ${heads} heads`)
  const all = [{group: {name: '', layers}, first: 0}]
  const {parts, warnings} = findParts(mamba2(spec, oneToken), all, tensors, meta.origin)
  const kinds = new Set(storedKinds(tensors, layers))
  const differ = {
    code: 'layer-types',
    message: `${meta.origin}: layers store their weights in different types; every layer counts as the first`,
  }
  return {spec: {mamba2: spec, parts}, warnings: kinds.size > 1 ? [...warnings, differ] : warnings}
}

/**
 * Reads a GGUF file without its weights: sizes from the metadata, the bytes of every weight from its block format. Parts
 * of a model that is split lie beside it. Activations and KV cache are f16 unless `--dtype` or `--kv-dtype` says otherwise.
 * @throws AnalysisError `bad-file`
 */
export async function parseGguf(file: ModelFile): Promise<ImportedGguf> {
  const place = placeOf(file.origin)
  const header = await readParts(file, place)
  const arch = header.metadata.get('general.architecture')
  if (typeof arch !== 'string') badFile(place, 'has no general.architecture')
  const named = header.metadata.get('general.name')
  const id = idFrom(place, arch)
  const name = typeof named === 'string' && named.trim() !== '' ? quoted(named).slice(1, -1) : id
  const about = {id, name, source: `${place} (GGUF v${header.version}, ${quoted(arch).slice(1, -1)})`}
  if (!ggufArchitectures.includes(arch)) {
    const why = `architecture ${quoted(arch)} is not read from GGUF (${ggufArchitectures.join(', ')} are)`
    return weightsOnly(about, place, header.tensors, `${why}; give the model's config.json for its operators`)
  }
  const tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  const meta = new Metadata(header, arch, place)
  const {spec, warnings} = arch === 'mamba2' ? storedMamba(meta, tensors) : storedTransformer(meta, tensors)
  return {model: {...about, architecture: 'stored', spec, dtype: 'f16'}, warnings}
}
