/** Which instruction sets are measured: by the names of `--isa`. Pure functions. */
import {nearest} from '../analysis/catalog.ts'
import {AnalysisError} from '../analysis/errors.ts'
import type {IsaRow} from './native.ts'

/** Every set that this program has kernels for, and the architecture that may have it. */
const known = {
  scalar: 'x86-64 and aarch64',
  sse2: 'x86-64',
  sse: 'x86-64',
  avx2: 'x86-64',
  avx512: 'x86-64',
  amx: 'x86-64',
  neon: 'aarch64',
  sve: 'aarch64',
} as const satisfies Record<string, string>

/** The rows of a unit of its own, such as AMX's tiles: they stand in the table of the set that it came with. */
const unitRows = (available: readonly IsaRow[], unit: string) =>
  available.flatMap((row) => row.compute.filter(({engine}) => engine === unit))

/**
 * Why a set cannot be used here.
 * @returns `no-isa` for one that this CPU lacks, `bad-flag` for a name that nobody knows
 */
export function unavailable(isa: string, available: readonly IsaRow[]): AnalysisError {
  const names = available.map(({name}) => name)
  const has = `this CPU has ${names.join(', ')}`
  const likely = nearest(isa, names, 1)
  const next = [`--isa ${names.at(-1)}`]
  if (!Object.hasOwn(known, isa))
    return new AnalysisError('bad-flag', `isa '${isa}' is not known; ${has}`, [
      ...(likely.length > 0 ? likely.map((name) => `--isa ${name}`) : next),
      `known: ${Object.keys(known).join(', ')}`,
    ])
  const needs = [...new Set(unitRows(available, isa).flatMap(({missing}) => missing ?? []))]
  const lack = needs.length > 0 ? ` (it lacks ${needs.join(' and ')})` : ''
  return new AnalysisError(
    'no-isa',
    `isa '${isa}' of ${known[isa as keyof typeof known]} is not available on this CPU${lack}; ${has}`,
    next,
  )
}

export interface ChosenIsas {
  /** narrowest first */
  readonly isas: IsaRow[]
  /** a unit of its own was asked for: only its compute probes are measured */
  readonly unit: boolean
}

/**
 * The instruction sets to measure. A unit of its own (`amx`) is its rows alone, in the set that they stand in.
 * @throws {AnalysisError} `no-isa` where this CPU lacks the one asked for, `bad-flag` where nobody knows it
 */
export function chooseIsas(
  available: readonly IsaRow[],
  {isa, quick}: {readonly isa?: string | undefined; readonly quick: boolean},
): ChosenIsas {
  if (isa === undefined) return {isas: quick ? available.slice(-1) : [...available], unit: false}
  const chosen = available.filter(({name}) => name === isa)
  if (chosen.length > 0) return {isas: chosen, unit: false}
  const units = available.flatMap((row) => {
    const compute = row.compute.filter(({engine, missing}) => engine === isa && missing === null)
    return compute.length > 0 ? [{...row, compute}] : []
  })
  if (units.length > 0) return {isas: units, unit: true}
  throw unavailable(isa, available)
}
