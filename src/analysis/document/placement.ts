/** `placement@1`: measurements made elsewhere, under a machine's roof. Types are inferred from the schema. */
import {z} from 'zod'

const maybe = z.number().nullable()

export const placedPointSchema = z.strictObject({
  name: z.string(),
  flops: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
  seconds: z.number().positive(),
  intensity: maybe.describe('FLOP/B; null where no byte moves'),
  attainable: maybe.describe('FLOP/s the roof allows at this intensity; null where nothing is computed'),
  achieved: maybe.describe('FLOP/s; null where nothing is computed'),
  bandwidth: maybe.describe('achieved B/s; null where no byte moves'),
  least: z.number().describe('s the roof asks for'),
  efficiency: z.number().describe('least ÷ seconds: 1 is the roof'),
  bound: z.string().describe('id of the ceiling that binds'),
  verdict: z.enum(['ok', 'implausible']),
  reason: z.string().optional().describe('why it is implausible'),
})

export const placementSchema = z.strictObject({
  machine: z.strictObject({id: z.string(), name: z.string()}),
  dtype: z.string(),
  level: z.string(),
  roof: z.strictObject({
    compute: z.strictObject({id: z.string(), value: z.number(), unit: z.string()}),
    bandwidth: z.strictObject({id: z.string(), value: z.number(), unit: z.string()}),
    ridge: z.number().describe('FLOP/B'),
  }),
  points: z.array(placedPointSchema),
})
export type Placement = z.infer<typeof placementSchema>
export type PlacedPoint = z.infer<typeof placedPointSchema>
