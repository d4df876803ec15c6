/** What the tool knows by name, and what to say about a name it does not know. */
import {distance} from 'fastest-levenshtein'
import type {List} from './document/list.ts'
import type {Machine} from './document/machine.ts'
import {AnalysisError, type ErrorCode, NAME_LIMIT, quoted} from './errors.ts'
import {modelFacts} from './facts.ts'
import {machines} from './machines/index.ts'
import {models} from './models/index.ts'
import type {ModelDef} from './models/types.ts'
import {ops} from './ops/index.ts'
import type {OpDef} from './ops/types.ts'

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/**
 * The known names closest to what was asked, best first: equal but for case and punctuation, one containing the other,
 * then by edit distance, as far as half the length.
 */
export function nearest(asked: string, known: readonly string[], most = 3): string[] {
  const wanted = plain(asked.slice(0, NAME_LIMIT))
  if (wanted === '') return []
  return (
    known
      .map((name) => {
        const other = plain(name)
        const contained = wanted.length > 2 && (other.includes(wanted) || wanted.includes(other))
        const steps = distance(wanted, other)
        return {name, score: other === wanted ? -1 : contained ? Math.min(steps, 1) : steps}
      })
      // of a name that shares no letter nobody thought
      .filter(({name, score}) => score < Math.max(wanted.length, plain(name).length))
      .filter(({name, score}) => score <= Math.max(2, Math.min(wanted.length, plain(name).length) / 2))
      .sort((a, b) => a.score - b.score)
      .slice(0, most)
      .map(({name}) => name)
  )
}

/** The error for a name that is not known: its nearest neighbours and the command that lists all. */
export function unknownName(
  code: ErrorCode,
  what: string,
  asked: string,
  known: readonly string[],
  next: string,
): AnalysisError {
  const near = nearest(asked, known)
  return new AnalysisError(code, `${quoted(asked)} is not a known ${what}`, [
    ...(near.length > 0 ? [`did you mean ${near.join(', ')}?`] : []),
    next,
  ])
}

/**
 * A built-in model by its id, in any case and with `_` for `-` as torchvision writes it (`vgg16_bn`).
 * @throws AnalysisError `unknown-model` with the nearest names
 */
export function findModel(id: string): ModelDef {
  const known: Readonly<Record<string, ModelDef>> = models
  for (const name of [id, id.slice(0, NAME_LIMIT).toLowerCase().replaceAll('_', '-')])
    if (Object.hasOwn(known, name)) return known[name]!
  throw unknownName(
    'unknown-model',
    'model',
    id,
    Object.keys(known),
    '`perf model list` shows all; a path to a Hugging Face config.json works as well',
  )
}

/** @throws AnalysisError `unknown-machine` with the nearest names */
export function findMachine(id: string): Machine {
  const known: Readonly<Record<string, Machine>> = machines
  if (Object.hasOwn(known, id)) return known[id]!
  throw unknownName(
    'unknown-machine',
    'machine',
    id,
    ['local', ...Object.keys(known)],
    '`perf machine list` shows all; `perf machine add FILE` adds one',
  )
}

/** @throws AnalysisError `unknown-operator` with the nearest names */
export function findOperator(kind: string): OpDef {
  const known: Readonly<Record<string, OpDef>> = ops
  if (Object.hasOwn(known, kind)) return known[kind]!
  throw unknownName('unknown-operator', 'operator', kind, Object.keys(known), '`perf op list` shows all')
}

/** Every built-in model. */
export function listModels(): Extract<List, {kind: 'models'}> {
  return {
    kind: 'models',
    items: Object.values(models as Readonly<Record<string, ModelDef>>).map((model) => ({
      id: model.id,
      name: model.name,
      source: model.source,
      parameters: model.published?.parameters ?? modelFacts(model).items[0]!.parameters,
      dtype: model.dtype,
    })),
  }
}

/** Every machine: the datasheets, after those that the caller knows of (a measured profile, files a user added). */
export function listMachines(further: readonly Machine[] = []): Extract<List, {kind: 'machines'}> {
  const own = further.map((machine) => machine.id)
  const rest = Object.values(machines as Readonly<Record<string, Machine>>).filter((m) => !own.includes(m.id))
  return {
    kind: 'machines',
    items: [...further, ...rest].map((machine) => ({
      id: machine.id,
      name: machine.name,
      memory: machine.memory?.capacity ?? null,
      ceilings: machine.ceilings.length,
      provenance: [...new Set(machine.ceilings.map((ceiling) => ceiling.provenance.kind))].sort(),
    })),
  }
}

/** Every operator. */
export function listOperators(): Extract<List, {kind: 'operators'}> {
  return {
    kind: 'operators',
    items: Object.values(ops).map((op) => ({
      id: op.kind,
      name: op.title,
      formula: op.formula,
      trait: op.trait,
      dims: Object.keys(op.examples[0]!.dims),
    })),
  }
}
