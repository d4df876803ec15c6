/** `explain@1`: an operator with its arithmetic filled in, or a concept. Types are inferred from the schema. */
import {z} from 'zod'

const count = z.int().nonnegative()

export const stepSchema = z.strictObject({text: z.string(), says: z.string()})

export const explainTensorSchema = z.strictObject({
  name: z.string(),
  role: z.string(),
  access: z.enum(['read', 'write']),
  type: z
    .string()
    .nullable()
    .describe('its own: quantized values, masks, indices; null where it follows the type asked for'),
  elements: count,
  bytes: z.record(z.string(), count).describe('by type; one that has its own has the same bytes in every column'),
})

export const explainOperatorSchema = z.strictObject({
  kind: z.literal('operator'),
  id: z.string(),
  title: z.string(),
  trait: z.string(),
  formula: z.string(),
  where: z.string().nullable(),
  source: z.string(),
  dims: z.record(z.string(), z.union([z.number(), z.boolean()])),
  derived: z.record(z.string(), z.number()),
  steps: z.array(stepSchema).describe('the formula, with the numbers, and its result'),
  flops: count,
  macs: count,
  executedFlops: count.describe('what an implementation computes, masked work included'),
  special: count.describe('exp, log, tanh, erf among the FLOPs'),
  tensors: z.array(explainTensorSchema),
  bytes: z.record(z.string(), count).describe('compulsory, by type of every tensor that has none of its own'),
  intensity: z.record(z.string(), z.number().nullable()).describe('FLOP/B by type'),
})

export const explainConceptSchema = z.strictObject({
  kind: z.literal('concept'),
  id: z.string(),
  title: z.string(),
  text: z.string().describe('at most 24 lines of 80 columns, the source included'),
  source: z.string(),
})

export const explainSchema = z.discriminatedUnion('kind', [explainOperatorSchema, explainConceptSchema])
export type Explanation = z.infer<typeof explainSchema>
export type OperatorExplanation = z.infer<typeof explainOperatorSchema>
export type ConceptExplanation = z.infer<typeof explainConceptSchema>
