/** What the fields of a machine file may hold. The schema has the same lists, but importing it loads zod. */
import type {Ceiling, Machine, Provenance} from '../../document/machine.ts'

/** The keys of a record that the type system keeps complete: a value missing from the list does not compile. */
const list = <K extends string>(all: Record<K, true>) => Object.keys(all) as K[]
export const kinds = list<Ceiling['kind']>({compute: true, bandwidth: true, latency: true, link: true, issue: true})
export const dtypes = list<NonNullable<Ceiling['dtype']>>({
  f64: true,
  f32: true,
  tf32: true,
  bf16: true,
  f16: true,
  fp8: true,
  int32: true,
  int16: true,
  int8: true,
  int4: true,
})
export const operations = list<NonNullable<Ceiling['operation']>>({
  fma: true,
  add: true,
  mul: true,
  dot: true,
  divide: true,
  sqrt: true,
  rsqrt: true,
  exp: true,
  tanh: true,
  erf: true,
})
export const mixes = list<NonNullable<Ceiling['mix']>>({
  read: true,
  write: true,
  'nt-write': true,
  copy: true,
  'nt-copy': true,
  '2:1': true,
  'nt-2:1': true,
  '4:1': true,
  'nt-4:1': true,
  '8:1': true,
  'nt-8:1': true,
  '1:2': true,
  'nt-1:2': true,
  '1:4': true,
  'nt-1:4': true,
  update: true,
  triad: true,
  'rows-64': true,
  'rows-512': true,
  'rows-4096': true,
  'nt-rows-64': true,
  'nt-rows-512': true,
  'nt-rows-4096': true,
})
export const engines = list<NonNullable<Ceiling['engine']>>({vector: true, matrix: true})
export const accumulators = list<NonNullable<Ceiling['accumulate']>>({f32: true, f16: true, int32: true})
export const sparsities = list<NonNullable<Ceiling['sparsity']>>({'2:4': true})
/** Innermost first. */
export const levels = list<NonNullable<Ceiling['level']>>({L1: true, L2: true, L3: true, DRAM: true})
export const verdicts = list<NonNullable<Ceiling['verdict']>>({
  ok: true,
  noisy: true,
  throttled: true,
  implausible: true,
  wrong: true,
  skipped: true,
  failed: true,
})
export const provenances = list<Provenance['kind']>({measured: true, datasheet: true, derived: true})
export const profiles = list<NonNullable<Machine['profile']>>({quick: true, full: true})
export const ceilingFields = list<keyof Ceiling>({
  id: true,
  kind: true,
  operation: true,
  mix: true,
  dtype: true,
  accumulate: true,
  engine: true,
  sparsity: true,
  isa: true,
  level: true,
  threads: true,
  workingSet: true,
  value: true,
  unit: true,
  model: true,
  modelText: true,
  provenance: true,
  clockHz: true,
  samples: true,
  median: true,
  min: true,
  max: true,
  cv: true,
  verdict: true,
  reason: true,
})
export const machineFields = [
  ...list<keyof Machine>({
    id: true,
    name: true,
    identity: true,
    memory: true,
    price: true,
    power: true,
    profile: true,
    ceilings: true,
  }),
  'source',
  'date',
  'schema',
  '$schema',
]
