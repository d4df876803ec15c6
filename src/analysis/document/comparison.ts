/** `comparison@1`: two documents side by side. Types are inferred from the schema. */
import {z} from 'zod'

const maybe = z.number().nullable()

export const changeSchema = z.strictObject({
  id: z.string().describe('subject and metric, unique: layers.attn.qkv.time, totals.flops, dram.value'),
  subject: z.string().describe('operator id, totals, or ceiling id'),
  metric: z.string(),
  unit: z.string(),
  before: maybe,
  after: maybe,
  ratio: maybe.describe('after ÷ before; null where one of them is missing or before is 0'),
  significant: z.boolean(),
  reason: z.string().describe('why it is or is not significant'),
  operators: z
    .strictObject({before: z.array(z.string()), after: z.array(z.string())})
    .optional()
    .describe('ids whose figures are added on each side, where fusing made other kernels of the same work'),
})

export const sideSchema = z.strictObject({id: z.string(), name: z.string(), machine: z.string().nullable()})

export const comparisonSchema = z.strictObject({
  kind: z.enum(['analysis', 'machine', 'measured']),
  before: sideSchema,
  after: sideSchema,
  changes: z.array(changeSchema),
  summary: z.string(),
})
export type Comparison = z.infer<typeof comparisonSchema>
export type Change = z.infer<typeof changeSchema>
export type Side = z.infer<typeof sideSchema>
