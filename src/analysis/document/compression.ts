/** The section of `analysis@1` on compression: what each pass changed. */
import {z} from 'zod'

const sum = z.number().nonnegative().multipleOf(1)
const where = z.string().nullable().describe('start of the operator ids; null: every product but the LM head')

export const compressionSideSchema = z.strictObject({
  macs: sum,
  flops: sum,
  bytes: sum.describe('traffic at the outermost level'),
  weights: sum.describe('bytes of the weights, scales and indices included'),
  kvCache: sum,
  peak: sum,
  time: z.number().describe('s, lower bound'),
})
export type CompressionSide = z.infer<typeof compressionSideSchema>

export const compressionSchema = z.array(
  z.strictObject({
    pass: z.enum([
      'prune-heads',
      'prune-channels',
      'low-rank',
      'conv-im2col',
      'conv-winograd',
      'prune-weights',
      'quantize',
    ]),
    before: compressionSideSchema,
    after: compressionSideSchema,
  }),
)
export type CompressionSummary = z.infer<typeof compressionSchema>

/** Rules of one kind, and those that leave what they name as it is. */
const rules = <R extends z.ZodType>(rule: R) =>
  z.array(z.union([rule, z.strictObject({where: z.string(), what: z.literal('none')})])).readonly()

/** What the workload says of compression. */
export const compressionWorkSchema = z.strictObject({
  quantize: rules(
    z.strictObject({
      where,
      what: z.enum(['weights', 'activations', 'kv']),
      dtype: z.string(),
      granularity: z.enum(['tensor', 'channel', 'group']),
      group: sum,
      zeroPoints: z.boolean(),
    }),
  ),
  prune: rules(z.strictObject({where, what: z.enum(['weights', '2:4', 'channels', 'heads']), share: z.number()})),
  lowRank: rules(z.strictObject({where, rank: sum})),
  dequantize: z.enum(['fused', 'separate']),
  convolution: z.enum(['direct', 'im2col', 'winograd']).default('direct'),
})
