/** Operator times that others measured on an A100, beside our lower bounds: the second table of `docs/validation.md`. */
import {readFileSync} from 'node:fs'
import {evaluate} from '../../src/analysis/evaluate.ts'
import {GraphBuilder, type TensorRole} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import type {Dims, OpDef, Role} from '../../src/analysis/ops/types.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'

interface Data {
  readonly machine: keyof typeof machines
  readonly dtype: 'f16'
  readonly groups: readonly {
    readonly source: string
    readonly family: string
    readonly rows: readonly {
      readonly id: string
      readonly op: keyof typeof ops
      readonly dims: Dims
      readonly time: number
    }[]
  }[]
}

/** NVIDIA A100 Tensor Core GPU Architecture white paper V1.0 (2020): 40 MB L2. What fits may not come from DRAM. */
export const LAST_LEVEL_CACHE = 40e6

export interface TimedRow {
  readonly id: string
  readonly source: string
  readonly family: string
  readonly op: string
  /** compulsory bytes */
  readonly bytes: number
  /** id of the binding ceiling */
  readonly bound: string
  /** our lower bound, s */
  readonly lower: number
  /** s */
  readonly measured: number
}

const tensorRole = (role: Role): TensorRole => (role === 'input' || role === 'output' ? 'constant' : role)

/** Every measured operator with the lower bound that the engine gives the same operator alone. */
export function timedRows(): TimedRow[] {
  const data = JSON.parse(readFileSync(new URL('./data/operator-times-a100.json', import.meta.url), 'utf8')) as Data
  const roof = prepareRoof(machines[data.machine])
  const dtype = {weights: data.dtype, activations: data.dtype, kv: data.dtype}
  return data.groups.flatMap(({source, family, rows}) =>
    rows.map(({id, op, dims, time}) => {
      const def: OpDef = ops[op]
      const shape = op === 'linear' ? {...dims, bias: false} : dims
      const b = new GraphBuilder()
      const {reads, writes} = def.cost(shape)
      const inputs = reads.map((use) => b.tensor(use.name, tensorRole(use.role), use.elements))
      b.add(
        def,
        id,
        shape,
        inputs,
        writes.map((use) => b.activation(use.name, use.elements)),
      )
      const placed = evaluate(b.graph(), roof, {dtype}).operators[0]!
      return {
        id,
        source,
        family,
        op,
        bytes: placed.bytes.DRAM!,
        bound: placed.bound!,
        lower: placed.time.lower,
        measured: time / 1e3,
      }
    }),
  )
}

export interface Kind {
  readonly name: string
  readonly rows: number
  /** rows whose tensors exceed the last-level cache: the others may be faster than DRAM allows */
  readonly beyondCache: number
  /** of those, how many were measured faster than our lower bound: must be none */
  readonly faster: number
  readonly median: number
  readonly min: number
  readonly max: number
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Lower bound ÷ measured time, by operator, source and limiter; rows that exceed the last-level cache. */
export function kindsOf(rows: readonly TimedRow[]): Kind[] {
  const name = (row: TimedRow) => `${row.op} (${row.family}), bound by ${row.bound}`
  return [...new Set(rows.map(name))].sort().map((kind) => {
    const all = rows.filter((row) => name(row) === kind)
    const beyond = all.filter((row) => row.bytes > LAST_LEVEL_CACHE)
    const ratios = beyond.map((row) => row.lower / row.measured)
    return {
      name: kind,
      rows: all.length,
      beyondCache: beyond.length,
      faster: ratios.filter((ratio) => ratio > 1).length,
      median: median(ratios),
      min: Math.min(...ratios),
      max: Math.max(...ratios),
    }
  })
}
