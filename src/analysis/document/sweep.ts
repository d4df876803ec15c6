/** `sweep@1`: one analysis over ranges, and what fits. Types are inferred from the schema. */
import {z} from 'zod'
import {machineSummarySchema, totalsSchema} from './analysis.ts'

const count = z.int().nonnegative()
export const dimensionSchema = z.enum(['batch', 'seq', 'context'])

export const sweepRowSchema = z.strictObject({
  batch: count,
  seq: count,
  context: count,
  totals: totalsSchema,
  fits: z.boolean().nullable().describe('null where the machine states no memory'),
})

export const crossingSchema = z.strictObject({
  operator: z.string().nullable().describe('null for the whole pass'),
  dimension: dimensionSchema,
  from: count.describe('the last value seen with the bound before'),
  at: count.describe('the first value with the bound after'),
  before: z.string().nullable(),
  after: z.string().nullable(),
  exact: z.boolean().describe('at = from + 1; else the change lies between two rows'),
  fixed: z.partialRecord(dimensionSchema, count).describe('the other dimensions of the sweep'),
})

export const fitSizeSchema = z.strictObject({
  size: dimensionSchema,
  value: count.nullable().describe('the largest that fits; null where none does or nothing limits it'),
  limitedBy: z.enum(['memory', 'counts', 'nothing']),
  peak: z.number().nullable().describe('bytes at that value'),
  reason: z.string(),
})

export const fitLatencySchema = z.strictObject({
  limit: z.enum(['ttft', 'tpot']),
  seconds: z.number().positive(),
  batch: count.nullable().describe('the largest that holds the limit and fits; null where none does'),
  time: z.number().nullable().describe('s at that batch, a lower bound'),
  limitedBy: z.enum(['ttft', 'tpot', 'memory', 'counts', 'nothing']),
  at: z.strictObject({phase: z.string(), seq: count, context: count}),
  reason: z.string(),
})

export const fitSchema = z.strictObject({
  memory: z.number().nullable().describe('capacity of one device, bytes'),
  sizes: z.array(fitSizeSchema),
  latency: z.array(fitLatencySchema),
})

export const sweepSchema = z.strictObject({
  model: z.strictObject({id: z.string(), name: z.string()}),
  machine: machineSummarySchema.omit({ceilings: true}),
  phase: z.enum(['prefill', 'decode', 'forward', 'train']),
  fusion: z.string(),
  dtype: z.strictObject({weights: z.string(), activations: z.string(), kv: z.string()}),
  count,
  tp: count,
  dimensions: z.array(z.strictObject({name: dimensionSchema, values: z.array(count)})),
  rows: z.array(sweepRowSchema),
  crossings: z.array(crossingSchema),
  fit: fitSchema.nullable(),
})
export type Sweep = z.infer<typeof sweepSchema>
export type SweepRow = z.infer<typeof sweepRowSchema>
export type Crossing = z.infer<typeof crossingSchema>
export type Fit = z.infer<typeof fitSchema>
export type FitSize = z.infer<typeof fitSizeSchema>
export type FitLatency = z.infer<typeof fitLatencySchema>
export type Dimension = z.infer<typeof dimensionSchema>
