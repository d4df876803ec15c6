/** `check@1`: a document held against a baseline. Types are inferred from the schema. */
import {z} from 'zod'
import {sideSchema} from './comparison.ts'

const maybe = z.number().nullable()

export const checkRowSchema = z.strictObject({
  id: z.string(),
  unit: z.string(),
  baseline: maybe,
  current: maybe,
  change: maybe.describe('relative, positive where it got worse; null where one side is missing'),
  limit: z.number().describe('the largest change for the worse that passes'),
  pass: z.boolean(),
  reason: z.string(),
})

export const checkSchema = z.strictObject({
  kind: z.enum(['analysis', 'machine']),
  baseline: sideSchema,
  current: sideSchema,
  passed: z.boolean(),
  rows: z.array(checkRowSchema),
})
export type Check = z.infer<typeof checkSchema>
export type CheckRow = z.infer<typeof checkRowSchema>
