/** Ceilings and machines: `machine@1`. Types are inferred from the schema, JSON Schema is emitted from it. */
import {z} from 'zod'

export const verdicts = ['ok', 'noisy', 'throttled', 'implausible', 'wrong', 'skipped', 'failed'] as const
export const verdictSchema = z.enum(verdicts)
export type Verdict = z.infer<typeof verdictSchema>

export const provenanceSchema = z.strictObject({
  kind: z.enum(['measured', 'datasheet', 'derived']),
  source: z.string().min(1).describe('document and page, or the kernel that measured it'),
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}/, 'a date such as 2026-11-21'),
})
export type Provenance = z.infer<typeof provenanceSchema>

export const ceilingDTypes = ['f64', 'f32', 'tf32', 'bf16', 'f16', 'fp8', 'int32', 'int16', 'int8', 'int4'] as const

/**
 * One limit line. Which fields are present follows from `kind`:
 * `compute` has operation, dtype, engine; `bandwidth` has mix and level; `latency` has a level or names a launch;
 * `link` is a bandwidth between devices; `issue` is how many instructions the threads' cores take in, a witness and no roof.
 * Values are base units (FLOP/s, OP/s with 2 per MAC, B/s, s, instr/s).
 */
export const ceilingSchema = z.strictObject({
  id: z.string().min(1),
  kind: z.enum(['compute', 'bandwidth', 'latency', 'link', 'issue']),
  operation: z.enum(['fma', 'add', 'mul', 'dot', 'divide', 'sqrt', 'rsqrt', 'exp', 'tanh', 'erf']).optional(),
  mix: z
    .enum([
      'read',
      'write',
      'nt-write',
      'copy',
      'nt-copy',
      '2:1',
      'nt-2:1',
      '4:1',
      'nt-4:1',
      '8:1',
      'nt-8:1',
      '1:2',
      'nt-1:2',
      '1:4',
      'nt-1:4',
      'update',
      'triad',
      'rows-64',
      'rows-512',
      'rows-4096',
      'nt-rows-64',
      'nt-rows-512',
      'nt-rows-4096',
    ])
    .optional(),
  dtype: z.enum(ceilingDTypes).optional(),
  accumulate: z
    .enum(['f32', 'f16', 'int32'])
    .optional()
    .describe('type of the accumulator where the rate depends on it'),
  engine: z.enum(['vector', 'matrix']).optional(),
  sparsity: z.enum(['2:4']).optional().describe('a rate for weights of this structure alone, never a dense peak'),
  isa: z.string().optional(),
  level: z.enum(['L1', 'L2', 'L3', 'DRAM']).optional(),
  threads: z.int().positive().optional(),
  workingSet: z.number().positive().optional().describe('bytes per thread of the measured set'),
  value: z.number().positive(),
  unit: z.enum(['FLOP/s', 'OP/s', 'B/s', 's', 'instr/s']),
  model: z.number().positive().nullable().optional().describe('what ports, lanes and clock allow'),
  modelText: z.string().optional(),
  provenance: provenanceSchema,
  clockHz: z.number().positive().nullable().optional(),
  samples: z.int().positive().optional(),
  median: z.number().positive().optional(),
  min: z.number().positive().optional(),
  max: z.number().positive().optional(),
  cv: z.number().nonnegative().optional(),
  verdict: verdictSchema.optional(),
  reason: z.string().optional(),
})
export type Ceiling = z.infer<typeof ceilingSchema>

export const identitySchema = z.looseObject({
  cpu: z.string().optional(),
  cores: z.int().positive().optional(),
  caches: z
    .array(z.looseObject({level: z.string(), claimed: z.number().nullable(), found: z.number().nullable()}))
    .optional(),
  memory: z.number().nullable().optional().describe('bytes'),
  os: z.string().optional(),
  tool: z.string().optional(),
  date: z.string().optional(),
})
export type Identity = z.infer<typeof identitySchema>

export const machineSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'lower-case letters, digits, dots and dashes'),
  name: z.string().min(1),
  identity: identitySchema.default({}),
  memory: z.strictObject({capacity: z.number().positive().describe('bytes'), source: z.string().optional()}).optional(),
  price: z
    .strictObject({perHour: z.number().positive(), currency: z.string().default('USD'), source: z.string()})
    .optional()
    .describe('rent of one device'),
  power: z
    .strictObject({watts: z.number().positive(), source: z.string()})
    .optional()
    .describe('board power of one device'),
  profile: z.enum(['quick', 'full']).optional().describe('measured machines: how thoroughly'),
  ceilings: z.array(ceilingSchema).min(1),
})
export type Machine = z.infer<typeof machineSchema>
