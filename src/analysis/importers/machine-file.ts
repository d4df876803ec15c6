/**
 * A user's machine in a small JSON file → `Machine`.
 *
 * Written by hand and not with the zod schema, because a mistake has to name its field, the allowed values and an
 * example, and because a machine file is read on the start-up path. A test holds its output against the schema.
 */
import type {Identity, Machine} from '../document/machine.ts'
import {AnalysisError} from '../errors.ts'
import {parseJson} from './json.ts'
import {machineFields, profiles} from './machine/allowed.ts'
import {ceilingOf, checkCeilings, checkSparse} from './machine/ceilings.ts'
import {
  type At,
  checkSize,
  choice,
  type Fields,
  fail,
  get,
  limits,
  nullable,
  number,
  open,
  present,
  quantity,
  refuseSparse,
  required,
  text,
} from './machine/fields.ts'
import {show} from './show.ts'

function memoryOf(at: At): Machine['memory'] {
  const value = get(at, 'memory')
  if (value === undefined) return undefined
  const inner = open(typeof value === 'string' ? {capacity: value} : value, at, 'memory', [
    'capacity',
    'unit',
    'source',
  ])
  const bytes = get(inner, 'capacity')
  const plain = typeof bytes === 'number' && get(inner, 'unit') === undefined
  // machine@1 has plain bytes; a machine with less than a megabyte is one whose unit was forgotten
  if (plain && bytes >= 0 && bytes < 1e6)
    fail(inner, 'memory.capacity', `${bytes} of what? write for example "capacity": "80 GB"`)
  const capacity = plain ? number(inner, 'capacity')! : quantity(inner, 'capacity', 'unit', 'B', 'a capacity')
  return {capacity, ...present({source: text(inner, 'source') ?? text(at, 'source')})}
}

function powerOf(at: At): Machine['power'] {
  const value = get(at, 'power')
  if (value === undefined) return undefined
  const short = typeof value === 'string' || typeof value === 'number'
  const inner = open(short ? {watts: value} : value, at, 'power', ['watts', 'source'])
  const watts =
    typeof get(inner, 'watts') === 'number'
      ? number(inner, 'watts')!
      : quantity(inner, 'watts', undefined, 'W', 'a power')
  return {
    watts,
    source: text(inner, 'source') ?? text(at, 'source') ?? fail(at, 'power.source', 'missing; name the document'),
  }
}

function priceOf(at: At): Machine['price'] {
  if (get(at, 'price') === undefined) return undefined
  const inner = open(get(at, 'price'), at, 'price', ['perHour', 'currency', 'source'])
  const perHour = number(inner, 'perHour') ?? fail(at, 'price.perHour', 'missing; write for example "perHour": 2.49')
  const source = text(inner, 'source') ?? fail(at, 'price.source', 'missing; say whose price it is, and of which day')
  const currency = text(inner, 'currency', 3) ?? 'USD'
  return {perHour, currency, source}
}

/** Who the machine is: free-form, as `perf measure` writes it; the fields with a meaning are checked. */
function identityOf(at: At): Identity {
  const value = get(at, 'identity')
  if (value === undefined) return {}
  // any key but the prototype's: identities are open-ended
  const own = typeof value === 'object' && value !== null ? Object.keys(value).filter((key) => key !== '__proto__') : []
  const inner = open(value, at, 'identity', ['cpu', 'cores', 'caches', 'memory', 'os', 'tool', 'date', ...own])
  const caches = get(inner, 'caches')
  if (caches !== undefined && !Array.isArray(caches)) fail(at, 'identity.caches', `is ${show(caches)}, not an array`)
  const known = {
    cpu: text(inner, 'cpu'),
    cores: number(inner, 'cores', 'count'),
    caches: caches?.map((cache: unknown, index: number) => {
      const one = open(cache, at, `identity.caches[${index}]`, ['level', 'claimed', 'found', 'sharedBy'])
      return {
        level: required(one, 'level', 'L2'),
        claimed: nullable(one, 'claimed') ?? null,
        found: nullable(one, 'found') ?? null,
        ...present({sharedBy: number(one, 'sharedBy', 'count')}),
      }
    }),
    memory: nullable(inner, 'memory'),
    os: text(inner, 'os'),
    tool: text(inner, 'tool'),
    date: text(inner, 'date'),
  }
  return {...inner.fields, ...present(known)} as Identity
}

function readJson(json: string, origin: string): unknown {
  if (json.length > limits.characters)
    fail({origin}, 'the file', `has ${json.length} characters; a machine file has at most ${limits.characters}`)
  const refuse = (wrong: string) =>
    new AnalysisError('bad-json', `${origin}: not JSON: ${wrong}`, ['see docs/machines.md for an example'])
  return parseJson(json, refuse)
}

/**
 * Reads a machine file, or what `perf machine show ID --json` and `perf measure --json` print.
 *
 * Values are `"3.35 TB/s"`, or a number with a `unit`; the file's `source` and `date` stand for every ceiling that
 * has none of its own. The result is in base units (FLOP/s, OP/s with 2 per MAC, B/s, s, B, W).
 * @param json the text of the file, or its parsed value
 * @param origin what messages call the file
 * @throws AnalysisError `bad-json` where it is not JSON, `sparse-peak` for a sparse peak, `bad-machine` for every other
 * mistake; the message begins with the origin and the path of the field, such as `ceilings[2].unit`
 */
export function parseMachine(json: unknown, origin: string): Machine {
  const at = {origin: origin.length > 200 ? `…${origin.slice(-199)}` : origin}
  const parsed = typeof json === 'string' ? readJson(json, at.origin) : json
  checkSize(parsed, at)
  const envelope = typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'result')
  if (envelope && (parsed as Fields).schema !== 'ridgepoint/machine@1')
    fail(at, 'schema', `${show((parsed as Fields).schema)} is not "ridgepoint/machine@1"`)
  else if ((parsed as Fields | null)?.schema === 'ridgepoint/profile@1')
    fail(at, 'schema', 'is a profile as it is kept, not "ridgepoint/machine@1"', [
      '--machine local reads the one of this machine',
      '`perf measure --json > FILE` writes one for other machines',
    ])
  const file = open(envelope ? (parsed as Fields).result : parsed, at, '', machineFields)

  const id = required(file, 'id', 'my-gpu', limits.name)
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id))
    fail(file, 'id', `${show(id)} has more than lower-case letters, digits, dots and dashes`)
  const name = text(file, 'name', limits.name) ?? id
  for (const [key, value] of Object.entries({id, name, source: text(file, 'source') ?? ''}))
    refuseSparse(file, key, value)

  const entries = get(file, 'ceilings')
  if (!Array.isArray(entries))
    fail(
      file,
      'ceilings',
      entries === undefined ? 'missing; it is the array of limits' : `is ${show(entries)}, not an array`,
    )
  if (entries.length > limits.ceilings)
    fail(file, 'ceilings', `has ${entries.length} entries; at most ${limits.ceilings} are allowed`)
  const ceilings = entries.map((entry: unknown, index: number) => ceilingOf(entry, index, file))
  checkCeilings(file, ceilings)
  checkSparse(file, id, name, ceilings)

  const optional = {
    memory: memoryOf(file),
    price: priceOf(file),
    power: powerOf(file),
    profile: choice(file, 'profile', profiles),
  }
  return {id, name, identity: identityOf(file), ...present(optional), ceilings}
}

/** The machine as the `result` of a `machine@1` document: base units, defaults written out; `parseMachine` reads it back. */
export function machineJson(machine: Machine): Machine {
  const {id, name, identity, ceilings, ...optional} = machine
  return structuredClone({id, name, identity, ...optional, ceilings})
}
