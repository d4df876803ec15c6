/** `placement@1`: measurements made elsewhere, under a machine's roof. Types are inferred from the schema. */
import {z} from 'zod'
import {machineSummarySchema} from './analysis.ts'
import {verdictSchema} from './machine.ts'

const maybe = z.number().nullable()

export const placedPointSchema = z.strictObject({
  name: z.string(),
  kind: z.string().optional().describe('kinds of operators it consists of, where that is known: matmul, add+layernorm'),
  flops: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
  seconds: z.number().positive(),
  cv: z.number().nonnegative().optional().describe('coefficient of variation of the repetitions, where it is known'),
  count: z.number().positive().optional().describe('launches or calls that the figures are the mean of'),
  dtype: z
    .string()
    .optional()
    .describe("type it computes in, the document's where it says none: rates of integers are OP/s"),
  intensity: maybe.describe('FLOP/B; null where no byte moves'),
  attainable: maybe.describe(
    'FLOP/s, OP/s of integers, that the roof allows at this intensity; null where nothing is computed',
  ),
  achieved: maybe.describe('FLOP/s, OP/s of integers; null where nothing is computed'),
  bandwidth: maybe.describe('achieved B/s; null where no byte moves'),
  least: z.number().describe('s the roof asks for'),
  efficiency: z.number().describe('least ÷ seconds: 1 is the roof'),
  efficiencyInTurn: maybe.optional().describe('the same under the ceilings as they were in the same rounds'),
  bound: z.string().describe('id of the ceiling that binds'),
  verdict: verdictSchema,
  reason: z.string().optional().describe('what is wrong with it'),
  operator: z
    .strictObject({
      repeat: z.number().describe('instances of the operator; times are of one'),
      lower: z.number().describe('s, at least'),
      upper: z.number().describe('s without overlap of arithmetic and memory'),
    })
    .optional()
    .describe('the operator of that id in the joined analysis: its bound is the roof of the point'),
})

export const joinSchema = z.strictObject({
  model: z.strictObject({id: z.string(), name: z.string()}),
  measured: z.number().describe('s of all instances of the operators that were measured, the fastest point of each'),
  lower: z.number().describe('s that the analysis bounds the same instances by'),
  share: z.number().describe("these operators' share of the analysis's time"),
  unknown: z.array(z.string()).describe('names of points that are no operator'),
  unmeasured: z.array(z.string()).describe('ids of operators without a point'),
})

export const placementSchema = z.strictObject({
  machine: machineSummarySchema,
  dtype: z.string(),
  level: z.string(),
  roof: z.strictObject({
    compute: z.strictObject({id: z.string(), value: z.number(), unit: z.string()}),
    bandwidth: z.strictObject({id: z.string(), value: z.number(), unit: z.string()}),
    ridge: z.number().describe('FLOP/B'),
  }),
  points: z.array(placedPointSchema),
  join: joinSchema.optional(),
})
export type Placement = z.infer<typeof placementSchema>
export type PlacedPoint = z.infer<typeof placedPointSchema>
export type Joined = z.infer<typeof joinSchema>
