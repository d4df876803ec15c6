/** A made-up machine: caches of round sizes, and ceilings of a test's choice; and a sample of what a test asks for. */
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import type {SampleSpec} from '../../src/kernels/native.ts'

const provenance = {kind: 'measured', source: 'a test', date: '2026-11-22'} as const

/** What a number of threads adds to a ceiling: the end of its id, and its field; nothing where the ceiling is of no number. */
const counted = (threads: number | undefined) => ({
  suffix: threads === undefined ? '' : `-t${threads}`,
  fields: threads === undefined ? {} : {threads},
})

export function compute(operation: NonNullable<Ceiling['operation']>, value: number, threads?: number): Ceiling {
  const {suffix, fields} = counted(threads)
  const id = `${operation}-f32${suffix}`
  return {id, kind: 'compute', operation, dtype: 'f32', engine: 'vector', ...fields, value, unit: 'FLOP/s', provenance}
}

export function bandwidth(
  mix: NonNullable<Ceiling['mix']>,
  level: NonNullable<Ceiling['level']>,
  value: number,
  threads?: number,
): Ceiling {
  const {suffix, fields} = counted(threads)
  const id = `${mix}-${level}${suffix}`
  return {id, kind: 'bandwidth', mix, level, ...fields, value, unit: 'B/s', provenance}
}

/** Two cores of 32 KiB of L1 and 1 MiB of L2, which share 32 MiB of L3. */
export const machineOf = (...ceilings: Ceiling[]): Machine => ({
  id: 'local',
  name: 'a made-up machine',
  identity: {
    caches: [
      {level: 'L1', claimed: 2 ** 15, found: null, sharedBy: 1},
      {level: 'L2', claimed: 2 ** 20, found: null, sharedBy: 1},
      {level: 'L3', claimed: 2 ** 25, found: null, sharedBy: 2},
    ],
  },
  ceilings,
})

/** Two repetitions of one pass on one thread, but for what is said. */
export const sampleOf = (asked: Pick<SampleSpec, 'probe' | 'isa'> & Partial<SampleSpec>): SampleSpec => ({
  threads: 1,
  bytes: 0,
  roam: false,
  passes: 1,
  repetitions: 2,
  clock: false,
  ...asked,
})
