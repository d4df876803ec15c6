/** Live controls as data: what can be changed, what it changes, and how the address carries it. */
import type {AnalyzeOptions} from '../../src/analysis/analyze.ts'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import type {TransformerSpec} from '../../src/analysis/architectures/transformer.ts'
import {type Dimensions, withDimensions} from '../../src/analysis/dimensions.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {type ComputeDType, dtypes, parseDType} from '../../src/analysis/dtype.ts'
import {AnalysisError, type Warning} from '../../src/analysis/errors.ts'
import {models} from '../../src/analysis/models/index.ts'
import {type ModelDef, traitsOf} from '../../src/analysis/models/types.ts'
import {compressionOptions} from '../../src/analysis/passes/compression.ts'
import {type Fusion, fusions} from '../../src/analysis/passes/index.ts'
import {optimizerIds, recomputations, trainingOptions} from '../../src/analysis/training/options.ts'
import {phases, resolveWorkload, type Workload} from '../../src/analysis/workload.ts'
import type {ReportDocument} from '../document.ts'
import {optionsOf, type Source} from './source.ts'

/** What was changed, by the name of its control; what is missing is as the document has it. */
export type Settings = Readonly<Record<string, string>>

/** What controls read their values from. */
export interface Situation {
  readonly model: ModelDef
  readonly machine: Machine
  readonly work: Workload
}

interface Choice {
  readonly id: string
  readonly label: string
}

export interface Control {
  readonly id: string
  readonly label: string
  readonly group: 'Model' | 'Workload' | 'Numbers' | 'Machine'
  /** the present value; `undefined` where the control means nothing to the model */
  value(now: Situation): string | undefined
  /** what can be chosen; without it the control takes whole numbers */
  choices?(now: Situation, source: Source): readonly Choice[]
  /** least whole number */
  readonly least?: number
  /** doubling and halving make sense */
  readonly doubles?: boolean
}

/** The choice that leaves a factor out. */
const NONE = 'none'

const same = (names: readonly string[]): Choice[] => names.map((id) => ({id, label: id}))

/** The dimensions of a transformer whose dimensions are free. */
const specOf = (model: ModelDef): TransformerSpec | undefined =>
  model.generic && model.architecture === 'transformer' ? model.spec : undefined

const dimension = (id: keyof Dimensions & keyof TransformerSpec, label: string): Control => ({
  id,
  label,
  group: 'Model',
  value: ({model}) => specOf(model)?.[id]?.toString(),
})

/** The phases a model knows: asked of the engine, which alone decides. */
function phasesOf(model: ModelDef): string[] {
  return phases.filter((phase) => {
    try {
      resolveWorkload(model, {phase})
      return true
    } catch {
      return false
    }
  })
}

const modelChoices = (source: Source): Choice[] => {
  const catalog = Object.values(models as Readonly<Record<string, ModelDef>>)
  const own = source.model
  return [own, ...catalog.filter((model) => model.id !== own.id)].map(({id, name}) => ({id, label: name}))
}

/** A factor of routing: none, or some sensible ones and the one in force. */
const routed = (id: 'capacityFactor' | 'imbalance', label: string, factors: readonly number[]): Control => ({
  id,
  label,
  group: 'Workload',
  value: ({model, work}) => (traitsOf(model).mixture ? (work.routing?.[id]?.toString() ?? NONE) : undefined),
  choices: ({model, work}) => {
    const {experts, topK} = traitsOf(model).mixture!
    const own = work.routing?.[id]
    const all = new Set([...factors.filter((f) => f <= experts / topK), ...(own ? [own] : [])])
    return same([NONE, ...[...all].sort((a, b) => a - b).map(String)])
  },
})

/** Every control, in the order of the page. */
export const controls: readonly Control[] = [
  {
    id: 'model',
    label: 'Model',
    group: 'Model',
    value: ({model}) => model.id,
    choices: (_now, source) => modelChoices(source),
  },
  dimension('layers', 'Layers'),
  dimension('hidden', 'Hidden'),
  dimension('heads', 'Heads'),
  dimension('kvHeads', 'KV heads'),
  dimension('headDim', 'Head dimension'),
  dimension('ffn', 'FFN'),
  dimension('vocab', 'Vocabulary'),
  {
    id: 'phase',
    label: 'Phase',
    group: 'Workload',
    value: ({work}) => work.phase,
    choices: ({model}) => same(phasesOf(model)),
  },
  {
    id: 'batch',
    label: 'Batch',
    group: 'Workload',
    doubles: true,
    value: ({model, work}) => (traitsOf(model).batch === undefined ? String(work.batch) : undefined),
  },
  {
    id: 'seq',
    label: 'Tokens at once',
    group: 'Workload',
    doubles: true,
    value: ({model, work}) => (traitsOf(model).positions === null ? undefined : String(work.seq)),
  },
  {
    id: 'context',
    label: 'Context (cached tokens)',
    group: 'Workload',
    least: 0,
    doubles: true,
    value: ({work}) => (work.phase === 'prefill' || work.phase === 'decode' ? String(work.context) : undefined),
  },
  {
    id: 'optimizer',
    label: 'Optimizer',
    group: 'Workload',
    value: ({work}) => work.training?.optimizer,
    choices: () => same(optimizerIds),
  },
  {
    id: 'recompute',
    label: 'Recompute',
    group: 'Workload',
    value: ({work}) => work.training?.recompute,
    choices: () => same(recomputations),
  },
  {id: 'height', label: 'Image height', group: 'Workload', value: ({work}) => work.image?.height.toString()},
  {id: 'width', label: 'Image width', group: 'Workload', value: ({work}) => work.image?.width.toString()},
  {id: 'srcSeq', label: 'Source tokens', group: 'Workload', doubles: true, value: ({work}) => work.srcSeq?.toString()},
  {id: 'nodes', label: 'Nodes', group: 'Workload', doubles: true, value: ({work}) => work.graph?.nodes.toString()},
  {id: 'edges', label: 'Edges', group: 'Workload', doubles: true, value: ({work}) => work.graph?.edges.toString()},
  {id: 'features', label: 'Features', group: 'Workload', value: ({work}) => work.graph?.features.toString()},
  routed('imbalance', 'Busiest expert ÷ mean', [1, 1.25, 1.5, 2, 3, 4]),
  routed('capacityFactor', 'Expert capacity ÷ mean', [1, 1.25, 1.5, 2]),
  {
    id: 'fusion',
    label: 'Fusion',
    group: 'Workload',
    value: ({work}) => work.fusion,
    choices: () => same(Object.keys(fusions)),
  },
  {
    id: 'weights',
    label: 'Weights',
    group: 'Numbers',
    value: ({work}) => work.dtype.weights,
    choices: () => same(dtypes),
  },
  {
    id: 'activations',
    label: 'Activations',
    group: 'Numbers',
    value: ({work}) => work.dtype.activations,
    choices: () => same(dtypes),
  },
  {
    id: 'kv',
    label: 'KV cache',
    group: 'Numbers',
    value: ({model, work}) => (traitsOf(model).kvHeads === undefined ? undefined : work.dtype.kv),
    choices: () => same(dtypes),
  },
  {
    id: 'quantize',
    label: 'Quantized (scales counted)',
    group: 'Numbers',
    value: ({work}) => (work.phase === 'train' ? undefined : compressionOptions(work.compression).quantize || NONE),
    choices: ({work}) => {
      const own = compressionOptions(work.compression).quantize
      return same([...new Set([NONE, 'w8c', 'w8c,a8', 'w4g128', 'w4g32z', ...(own ? [own] : [])])])
    },
  },
  {
    id: 'machine',
    label: 'Machine',
    group: 'Machine',
    value: ({machine}) => machine.id,
    choices: (_now, source) => source.machines.map(({id, name}) => ({id, label: name})),
  },
  {id: 'count', label: 'Devices', group: 'Machine', doubles: true, value: ({work}) => String(work.count)},
  {
    id: 'tp',
    label: 'Tensor parallel',
    group: 'Machine',
    doubles: true,
    value: ({model, work}) => (Object.keys(traitsOf(model).shards).length > 0 ? String(work.tp) : undefined),
  },
]

const known = new Set(controls.map((control) => control.id))

function whole(settings: Settings, id: string): number | undefined {
  const text = settings[id]
  if (text === undefined) return undefined
  if (!/^\d{1,10}$/.test(text.trim())) {
    const label = controls.find((control) => control.id === id)?.label ?? id
    throw new AnalysisError(
      'bad-flag',
      `${label} takes a whole number of at most ten digits, not "${text.slice(0, 40)}"`,
      [],
    )
  }
  return Number(text)
}

function chosenModel(source: Source, settings: Settings): ModelDef {
  const id = settings.model
  if (id === undefined || id === source.model.id) return source.model
  const catalog: Readonly<Record<string, ModelDef>> = models
  if (Object.hasOwn(catalog, id)) return catalog[id]!
  throw new AnalysisError('unknown-model', `there is no model "${id.slice(0, 60)}" in this page`, [
    'choose one of the list',
  ])
}

function chosenMachine(source: Source, settings: Settings): Machine {
  const {machine: id = source.machine.id} = settings
  const found = source.machines.find((machine) => machine.id === id)
  if (found) return found
  throw new AnalysisError('unknown-machine', `there is no machine "${id.slice(0, 60)}" in this page`, [
    'choose one of the list; a page that was made with --machine FILE has that machine in it',
  ])
}

/** The generic model with changed dimensions: those of the document stay unless they follow from a changed one. */
function withGiven(model: ModelDef, settings: Settings): ModelDef {
  const spec = specOf(model)
  const names = ['layers', 'hidden', 'heads', 'kvHeads', 'headDim', 'ffn', 'vocab'] as const
  const given = Object.fromEntries(names.map((name) => [name, whole(settings, name)])) as Dimensions
  if (!spec || names.every((name) => given[name] === undefined)) return model
  const tall = spec.ffn === 4 * spec.hidden
  return withDimensions(model, {
    ...given,
    kvHeads: given.kvHeads ?? (given.heads === undefined || spec.kvHeads !== spec.heads ? spec.kvHeads : undefined),
    ffn: given.ffn ?? (given.hidden === undefined || !tall ? spec.ffn : undefined),
    headDim: given.headDim ?? (given.hidden === undefined && given.heads === undefined ? spec.headDim : undefined),
    encoder: !spec.causal,
  })
}

function chosenOptions(source: Source, model: ModelDef, settings: Settings): AnalyzeOptions {
  const base = source.workload
  const type = (id: string): ComputeDType | undefined =>
    settings[id] === undefined ? undefined : parseDType(settings[id], id)
  const other = model.id !== source.model.id
  const {phase} = settings
  // another model: its own phases, sizes and types; another phase: that phase's own sizes
  const kept: AnalyzeOptions = other
    ? {batch: traitsOf(model).batch ?? base.batch, fusion: base.fusion}
    : optionsOf(model, base)
  // options of training mean nothing to another phase
  const untrained = Object.fromEntries(Object.keys(trainingOptions(base.training)).map((name) => [name, undefined]))
  const trains = (phase ?? kept.phase ?? base.phase) === 'train'
  const moved = phase !== undefined && phase !== base.phase ? {seq: undefined, context: undefined, ...untrained} : {}
  const tp = whole(settings, 'tp')
  const count = whole(settings, 'count')
  const devices =
    tp === undefined && count === undefined
      ? {}
      : count === undefined
        ? {tp, count: Math.max(tp!, kept.count ?? 1)}
        : {count, tp: tp ?? Math.min(count, kept.tp ?? 1)}
  const image = other ? traitsOf(model).image : base.image
  const [height, width] = [whole(settings, 'height'), whole(settings, 'width')]
  const given = {
    phase,
    batch: whole(settings, 'batch'),
    seq: whole(settings, 'seq'),
    context: whole(settings, 'context'),
    srcSeq: whole(settings, 'srcSeq'),
    nodes: whole(settings, 'nodes'),
    edges: whole(settings, 'edges'),
    features: whole(settings, 'features'),
    fusion: settings.fusion as Fusion | undefined,
    ...(trains || settings.quantize === NONE ? {} : {quantize: settings.quantize}),
    ...(trains ? {optimizer: settings.optimizer, recompute: settings.recompute} : {}),
    dtype: type('activations'),
    weightsDtype: type('weights'),
    kvDtype: type('kv'),
    ...(image && (height ?? width) !== undefined
      ? {image: {height: height ?? image.height, width: width ?? image.width}}
      : {}),
  }
  const routing = Object.fromEntries(
    (['capacityFactor', 'imbalance'] as const)
      .filter((id) => settings[id] !== undefined)
      .map((id) => [id, settings[id] === NONE ? undefined : Number(settings[id])]),
  )
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return {
    ...kept,
    ...moved,
    ...(settings.quantize === NONE ? {quantize: undefined, dequantize: undefined} : {}),
    ...set,
    ...routing,
    ...devices,
    ...source.fixed,
  }
}

export interface Recomputed {
  readonly document: ReportDocument
  /** the source of that document: what swept views run again */
  readonly source: Source
}

/** What the controls show while nothing is changed. */
export const situationOf = ({model, machine, workload}: Source): Situation => ({model, machine, work: workload})

/**
 * Runs the engine with what was changed.
 * @throws AnalysisError for every value that makes no sense, in the engine's words
 */
export function recompute(source: Source, settings: Settings): Recomputed {
  const model = withGiven(chosenModel(source, settings), settings)
  const machine = chosenMachine(source, settings)
  const against = source.machines.filter(
    (m) => m.id !== machine.id && (source.ranked.includes(m.id) || (source.ranked.length > 0 && m === source.machine)),
  )
  const {result, warnings} = analyzeModel(model, machine, {...chosenOptions(source, model, settings), against})
  const document: ReportDocument = {
    schema: 'ridgepoint/analysis@1',
    ok: true,
    result,
    warnings: warnings as Warning[],
  }
  return {document, source: {...source, model, machine, workload: result.workload as Workload}}
}

/** Settings as the part of an address behind `#`; empty where nothing is changed. */
export function toHash(settings: Settings): string {
  return controls
    .filter(({id}) => settings[id] !== undefined)
    .map(({id}) => `${id}=${encodeURIComponent(settings[id]!)}`)
    .join('&')
}

/** Reads an address: what is no control, or no pair, is passed over. */
export function fromHash(hash: string): Settings {
  const pairs = new URLSearchParams(hash.replace(/^#/, ''))
  return Object.fromEntries([...pairs].filter(([name, value]) => known.has(name) && value !== ''))
}
