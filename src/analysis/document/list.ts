/** `list@1`: what `perf model|machine|op list --json` prints. */
import {z} from 'zod'

export const modelItemSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  source: z.string(),
  parameters: z.int().positive().nullable().describe('published count; null where the dimensions are free'),
  dtype: z.string(),
})

export const machineItemSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  memory: z.number().nullable().describe('capacity of one device, bytes'),
  ceilings: z.int().positive(),
  provenance: z.array(z.enum(['measured', 'datasheet', 'derived'])),
})

export const operatorItemSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  formula: z.string(),
  trait: z.string(),
  dims: z.array(z.string()),
})

export const listSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('models'), items: z.array(modelItemSchema)}),
  z.strictObject({kind: z.literal('machines'), items: z.array(machineItemSchema)}),
  z.strictObject({kind: z.literal('operators'), items: z.array(operatorItemSchema)}),
])
export type List = z.infer<typeof listSchema>
