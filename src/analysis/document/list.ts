/** `list@1`: what `perf model|machine|op list --json`, `perf model show --json`, `--show-config --json`, `--help --json` and `--version --json` print. */
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

/** What `--help --json` prints. */
export const commandListSchema = z.strictObject({
  kind: z.literal('commands'),
  items: z.array(
    z.strictObject({
      id: z.string().describe('its words'),
      summary: z.string(),
      arguments: z.array(z.strictObject({name: z.string(), summary: z.string(), required: z.boolean()})),
      flags: z.array(
        z.strictObject({
          name: z.string(),
          summary: z.string(),
          value: z.string().nullable().describe('what it takes: its choices, or the name of a value; null: nothing'),
          required: z.boolean(),
        }),
      ),
    }),
  ),
})
export type CommandList = z.infer<typeof commandListSchema>

/** What `--show-config` prints, and `--version --json`. */
export const settingsListSchema = z.strictObject({kind: z.literal('settings'), items: z.array(settingSchema)})
export type SettingsList = z.infer<typeof settingsListSchema>
