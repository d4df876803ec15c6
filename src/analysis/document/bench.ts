/** `bench@1`: measured kernels under the measured roof; and the pairs of `comparison@1`. Types are inferred from the schema. */
import {z} from 'zod'
import {verdictSchema} from './machine.ts'

const finite = z.number().nonnegative()
const maybe = z.number().nonnegative().nullable()

const inTurnSchema = z.strictObject({
  ceilings: z.array(
    z.strictObject({
      id: z.string().describe('of the profile’s ceiling that it stands for'),
      best: finite.describe('FLOP/s, OP/s or B/s, as that ceiling'),
      median: finite.describe('of the same'),
      samples: z.int().nonnegative(),
    }),
  ),
  bound: z.string(),
  attainable: finite.describe('FLOP/s or B/s, as in the entry'),
  efficiency: maybe.describe('attainable time of the best of the ceilings ÷ fastest time'),
  efficiencyMedian: maybe.describe(
    'median over the turns of the time that the ceilings of a turn allow ÷ the time taken',
  ),
})

export const benchEntrySchema = z.strictObject({
  id: z.string(),
  op: z.string(),
  dims: z.record(z.string(), z.int().nonnegative()),
  dtype: z.string(),
  isa: z.string().optional(),
  adapter: z.string().optional(),
  threads: z.int().positive(),
  flops: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  seconds: z.strictObject({median: finite, min: finite, max: finite, cv: finite}),
  flopsPerSecond: finite.describe('of the fastest repetition'),
  bytesPerSecond: finite.describe('of the fastest repetition'),
  intensity: maybe.describe('FLOP/B'),
  bound: z.string().nullable().describe('id of the ceiling that decides'),
  attainable: maybe.describe('FLOP/s, or B/s where the operator has no FLOPs; null without fitting ceilings'),
  efficiency: maybe.describe('attainable time ÷ fastest time'),
  efficiencyMedian: maybe.describe('attainable time ÷ median time'),
  inTurn: inTurnSchema
    .nullable()
    .optional()
    .describe(
      'under the ceilings that decide, measured in the same rounds: clocks and shared memory change; null where none could be',
    ),
  issue: z
    .strictObject({
      perCycle: finite.describe('instructions per cycle and thread, median over the turns'),
      best: finite.describe('the most that the profile found on as many threads'),
      samples: z.int().nonnegative(),
    })
    .optional()
    .describe('a witness of a neighbour on the other hardware thread of a core, sampled between the repetitions'),
  maxError: maybe.describe('against the f64 reference: absolute below 1, relative above; null where nothing checks it'),
  tolerance: finite.optional().describe('the largest error with which results count as right'),
  ways: z
    .array(z.strictObject({kernel: z.string(), way: z.int().nonnegative(), seconds: finite, taken: z.boolean()}))
    .optional()
    .describe('on a GPU: the shaders that were tried for a moment before, by number, the fastest of each kernel first'),
  counters: z
    .strictObject({instructions: finite, cycles: finite, lastLevelMisses: finite})
    .nullable()
    .optional()
    .describe('hardware counts of one call, all threads; null where the system does not let this process read them'),
  countersReason: z.string().optional(),
  verdict: verdictSchema,
  reason: z.string().optional(),
})

export const benchSchema = z.strictObject({kernels: z.array(benchEntrySchema)})

export const pairSchema = z.strictObject({
  id: z.string(),
  dims: z.record(z.string(), z.int().nonnegative()),
  unfused: benchEntrySchema.extend({parts: z.array(z.string())}),
  fused: benchEntrySchema,
  bytesSaved: z.number(),
  speedup: maybe.describe('medians: unfused time ÷ fused time'),
  predictedSpeedup: maybe.describe('the same of the times that the roof allows'),
  speedupInTurn: maybe
    .optional()
    .describe('median over the turns of unfused time ÷ fused time; null where no ceiling was measured beside'),
  predictedInTurn: maybe.optional().describe('median over the turns of what the ceilings of each predict'),
  pays: z
    .strictObject({
      dim: z.string().describe('the dimension that was swept'),
      when: z.enum(['always', 'never', 'from', 'up-to']),
      at: maybe.describe('the size at which it changes'),
      points: z.array(z.strictObject({size: z.int().positive(), bytes: finite, speedup: finite, predicted: maybe})),
    })
    .nullable()
    .optional()
    .describe('sizes at which fusing is at least 3 % faster; null where one size was asked for'),
})

/** `comparison@1` of `compare --fused`. */
export const fusedComparisonSchema = z.strictObject({kind: z.literal('fused'), pairs: z.array(pairSchema)})

export type Bench = z.infer<typeof benchSchema>
export type BenchKernel = z.infer<typeof benchEntrySchema>
export type FusedComparison = z.infer<typeof fusedComparisonSchema>
export type FusedPair = z.infer<typeof pairSchema>
