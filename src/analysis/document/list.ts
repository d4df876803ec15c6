/** `list@1`: what `perf model|machine|op list --json`, `perf model show --json` and `--show-config --json` print. */
import {z} from 'zod'

export const modelItemSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  source: z.string(),
  parameters: z.int().positive().nullable().describe('published count, else counted from the graph'),
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

export const modelFactsSchema = modelItemSchema.extend({
  parameters: z.int().nonnegative().describe('counted from the graph; the published count must equal it'),
  dims: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
})

export const settingSchema = z.strictObject({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).nullable(),
  source: z.string().describe('argument, flag, environment NAME, a file, or default'),
})

export const listSchema = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('models'), items: z.array(modelItemSchema)}),
  z.strictObject({kind: z.literal('machines'), items: z.array(machineItemSchema)}),
  z.strictObject({kind: z.literal('operators'), items: z.array(operatorItemSchema)}),
])
export type List = z.infer<typeof listSchema>

/** One model, as `perf model show` prints it. */
export const modelFactsListSchema = z.strictObject({kind: z.literal('model'), items: z.array(modelFactsSchema)})
export type ModelFacts = z.infer<typeof modelFactsListSchema>

/** What `--show-config` prints. */
export const settingsListSchema = z.strictObject({kind: z.literal('settings'), items: z.array(settingSchema)})
export type SettingsList = z.infer<typeof settingsListSchema>
