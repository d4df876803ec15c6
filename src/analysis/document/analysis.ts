/** `analysis@1`: what `perf analyze --json` prints and a report embeds. Types are inferred from the schema. */
import {z} from 'zod'
import {compressionSchema, compressionWorkSchema} from './compression.ts'
import {ceilingSchema} from './machine.ts'
import {trainingSchema, trainingWorkSchema} from './training.ts'

const count = z.int().nonnegative()
/** A sum of exact counts: the nearest double above 2^53, which the warning `rounded-totals` says. */
const sum = z.number().nonnegative().multipleOf(1)
const finite = z.number()
const maybe = z.number().nullable()

export const warningSchema = z.looseObject({code: z.string(), message: z.string()})

export const useSchema = z.strictObject({
  name: z.string(),
  role: z.enum(['weight', 'input', 'output', 'kv', 'constant', 'index']),
  dtype: z.string(),
  elements: count,
  bytes: count,
})

/** `predicted` is null with a `reason` until a calibrated, validated model exists. */
export const timeSchema = z.strictObject({lower: finite, predicted: maybe, upper: finite, reason: z.string()})

export const operatorSchema = z.strictObject({
  id: z.string(),
  kind: z.string(),
  repeat: count,
  shape: z.record(z.string(), z.union([z.number(), z.boolean()])),
  formula: z.string(),
  macs: sum,
  flops: sum,
  executedFlops: sum,
  special: sum,
  reads: z.array(useSchema),
  writes: z.array(useSchema),
  bytes: z.record(z.string(), sum),
  intensity: maybe.describe('FLOP/B at the outermost level; null where no byte moves'),
  bound: z.string().nullable().describe('id of the binding ceiling, or latency'),
  computes: z.string().describe('the type the arithmetic runs in'),
  time: timeSchema,
  share: finite,
  fusedFrom: z.array(z.string()),
  sequential: z
    .strictObject({
      steps: count,
      seconds: finite.describe('s of one step at least'),
      bound: z.string().nullable().describe('what one step waits for'),
      weights: count.describe('bytes that every step reads'),
    })
    .optional()
    .describe('steps that follow one another, as in a recurrent layer'),
  sparsity: z.enum(['2:4']).optional().describe('products run under the ceiling of this structure of the weights'),
})

export const memorySchema = z.strictObject({
  weights: sum,
  activations: sum,
  kvCache: sum,
  gradients: sum,
  optimizer: sum,
  peak: sum,
})

export const totalsSchema = z.strictObject({
  macs: sum,
  flops: sum,
  executedFlops: sum,
  special: sum,
  bytes: z.record(z.string(), sum),
  intensity: maybe,
  bound: z.string().nullable(),
  time: timeSchema,
  isBound: z.boolean().describe('times, rates and shares come from lower bounds of time'),
  complete: z.boolean(),
  memory: memorySchema,
  tokensPerSecond: maybe.describe('null where a sample is no sequence'),
  samplesPerSecond: maybe,
  ttft: maybe.describe('s; prefill only'),
  tpot: maybe.describe('s per token and sequence; decode only'),
  mfu: maybe.describe(
    'useful FLOPs of products over what the dense peaks of the types that they run in allow in the same time',
  ),
  costPerMillionTokens: maybe,
  currency: z.string().nullable(),
  energyPerMillionTokens: maybe.describe('J'),
  reasons: z.record(z.string(), z.string()).describe('why a field is null'),
})

export const fusionLevelSchema = z.strictObject({
  fusion: z.string(),
  operators: count,
  bytes: sum,
  intensity: maybe,
  time: timeSchema,
  activations: count,
  bound: z.string().nullable(),
})

const side = z.strictObject({bytes: sum, intensity: maybe, time: finite, bound: z.string().nullable()})

export const fusionGroupSchema = z.strictObject({
  id: z.string(),
  parts: z.array(z.string()),
  repeat: count,
  unfused: side,
  fused: side,
})

export const adviceSchema = z.strictObject({
  rule: z.string(),
  operator: z.string().nullable(),
  message: z.string(),
  saves: maybe.describe('s of the total; null where it saves no time'),
})

export const rankSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  time: timeSchema,
  bound: z.string().nullable(),
  tokensPerSecond: maybe,
  fits: z.boolean().nullable(),
  costPerMillionTokens: maybe,
  energyPerMillionTokens: maybe,
})

export const machineSummarySchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  memory: maybe.describe('capacity of one device, bytes'),
  ceilings: z.array(ceilingSchema),
})

export const analysisSchema = z.strictObject({
  model: z.strictObject({
    id: z.string(),
    name: z.string(),
    source: z.string(),
    parameters: z.strictObject({total: count, active: count, embedding: count}),
  }),
  workload: z.strictObject({
    phase: z.enum(['prefill', 'decode', 'forward', 'train']),
    batch: count,
    seq: count,
    context: count,
    logits: z.enum(['last', 'all']),
    dtype: z.strictObject({weights: z.string(), activations: z.string(), kv: z.string()}),
    fusion: z.enum(['none', 'elementwise', 'attention', 'all']),
    count,
    tp: count,
    image: z.strictObject({height: count, width: count}).nullable().default(null),
    srcSeq: count.nullable().default(null).describe("tokens of an encoder's input"),
    graph: z.strictObject({nodes: count, edges: count, features: count}).nullable().default(null),
    routing: z
      .strictObject({
        capacityFactor: maybe.describe('rows that every expert computes ÷ mean; null: none is padded'),
        imbalance: maybe.describe('rows of the busiest expert ÷ mean; null: none is waited for'),
      })
      .optional()
      .describe('of a mixture of experts, where it was given'),
    training: trainingWorkSchema.optional(),
    compression: compressionWorkSchema.optional(),
  }),
  machine: machineSummarySchema,
  operators: z.array(operatorSchema).describe('one instance each, on one device; totals include repeat'),
  totals: totalsSchema,
  unknown: z.array(z.strictObject({op: z.string(), count})),
  advice: z.array(adviceSchema),
  fusion: z.strictObject({levels: z.array(fusionLevelSchema), groups: z.array(fusionGroupSchema)}),
  ranking: z.array(rankSchema),
  summary: z.strictObject({limit: z.string(), distance: z.string(), first: z.string()}),
  assumptions: z.array(z.string()),
  training: trainingSchema.optional().describe('in phase train'),
  compression: compressionSchema.optional().describe('before and after each pass that compresses'),
})

export type Analysis = z.infer<typeof analysisSchema>
export type Advice = z.infer<typeof adviceSchema>
export type Totals = z.infer<typeof totalsSchema>
export type FusionGroup = z.infer<typeof fusionGroupSchema>
export type FusionLevel = z.infer<typeof fusionLevelSchema>
export type Rank = z.infer<typeof rankSchema>
