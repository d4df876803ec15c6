/** The section of `analysis@1` on a training step. */
import {z} from 'zod'

const sum = z.number().nonnegative().multipleOf(1)
const maybe = z.number().nullable()

export const trainingSchema = z.strictObject({
  optimizer: z.string(),
  recompute: z.enum(['none', 'selective', 'full', 'reversible']),
  dropout: z.boolean(),
  sequenceParallel: z.boolean(),
  lora: maybe.describe('rank of the adapters; null without'),
  loraOn: z.array(z.string()).nullable().default(null).describe('products that have adapters; null: all of the layers'),
  freeze: z.array(z.string()),
  loss: z.enum(['cross-entropy', 'mse-loss', 'distillation']),
  teacher: z
    .strictObject({id: z.string(), name: z.string(), dtype: z.string(), parameters: sum, weights: sum})
    .nullable()
    .default(null)
    .describe('of a distillation: parameters and bytes on one device'),
  trainable: sum.describe('weights that take a gradient, on one device'),
  types: z.strictObject({
    weights: z.string(),
    gradients: z.string(),
    master: z.string().nullable().describe('null where the weights are their own master copy'),
    state: z.string(),
  }),
  flops: z
    .strictObject({teacher: sum.default(0), forward: sum, data: sum, weights: sum, optimizer: sum, recomputed: sum})
    .describe('useful FLOPs by part (loss with forward); recomputed ones are executed a second time'),
  macsRatio: maybe.describe('multiply-accumulates of the step over those of its forward pass'),
  hfu: maybe.describe('executed FLOPs of products over the dense peaks: mfu with what is recomputed or masked'),
  flopsPerToken: maybe.describe('forward and backward, without the optimizer, on one device'),
  sixN: maybe.describe('6 × parameters of the whole model: the usual estimate, without attention'),
  saved: z.array(
    z.strictObject({name: z.string(), operator: z.string(), dtype: z.string(), elements: sum, bytes: sum, repeat: sum}),
  ),
  savedBytes: sum.describe('activations kept for the backward pass, all layers'),
  savedPerLayer: maybe.describe('of one repeated layer'),
  offload: z
    .strictObject({
      bytes: sum,
      bandwidth: z.number(),
      seconds: z.number().describe('on the link, there and back'),
      operators: z.number().optional().describe('s, lower bound of the operators alone: time.lower is the longer'),
    })
    .nullable(),
})
export type TrainingSummary = z.infer<typeof trainingSchema>

/** What the workload says of training. */
export const trainingWorkSchema = z.strictObject({
  optimizer: z.string(),
  recompute: z.string(),
  dropout: z.boolean(),
  sequenceParallel: z.boolean(),
  lora: maybe,
  loraOn: z.array(z.string()).readonly().nullable().default(null),
  freeze: z.array(z.string()).readonly(),
  offload: maybe,
  teacher: z
    .strictObject({
      model: z.strictObject({
        ...{id: z.string(), name: z.string(), source: z.string(), architecture: z.string(), dtype: z.string()},
        spec: z.unknown(),
        published: z.strictObject({parameters: sum, source: z.string()}).optional(),
        generic: z.boolean().optional(),
      }),
      dtype: z.string(),
    })
    .nullable()
    .default(null)
    .describe('the model that is distilled, whole: the analysis can be repeated'),
})
