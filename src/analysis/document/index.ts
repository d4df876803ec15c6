/** Every kind of document, one line each: JSON Schemas are emitted from here, and a file in this folder that is missing fails a test. */
import {z} from 'zod'
import {analysisSchema, warningSchema} from './analysis.ts'
import {benchSchema, fusedComparisonSchema} from './bench.ts'
import {checkSchema} from './check.ts'
import {comparisonSchema} from './comparison.ts'
import {doctorSchema} from './doctor.ts'
import {errorDocumentSchema} from './error.ts'
import {explainSchema} from './explain.ts'
import {commandListSchema, listSchema, modelFactsListSchema, settingsListSchema} from './list.ts'
import {machineSchema} from './machine.ts'
import {placementSchema} from './placement.ts'
import {sweepSchema} from './sweep.ts'

/** The envelope around every result. */
const success = <K extends string, R extends z.ZodType>(kind: K, result: R) =>
  z.strictObject({
    schema: z.literal(`ridgepoint/${kind}`),
    ok: z.literal(true),
    result,
    warnings: z.array(warningSchema),
  })

export const documents = {
  'analysis@1': success('analysis@1', analysisSchema),
  'bench@1': success('bench@1', benchSchema),
  'check@1': success('check@1', checkSchema),
  'comparison@1': success('comparison@1', z.union([comparisonSchema, fusedComparisonSchema])),
  'doctor@1': success('doctor@1', doctorSchema),
  'error@1': errorDocumentSchema,
  'explain@1': success('explain@1', explainSchema),
  'list@1': success('list@1', z.union([listSchema, modelFactsListSchema, settingsListSchema, commandListSchema])),
  'machine@1': success('machine@1', machineSchema),
  'placement@1': success('placement@1', placementSchema),
  'sweep@1': success('sweep@1', sweepSchema),
} as const satisfies Record<string, z.ZodType>

export type DocumentKind = keyof typeof documents

/** The JSON Schema (draft 2020-12) of every kind. */
export function jsonSchemas(): Record<DocumentKind, object> {
  return Object.fromEntries(
    Object.entries(documents).map(([kind, schema]) => [
      kind,
      {$id: `ridgepoint/${kind}`, title: `ridgepoint/${kind}`, ...z.toJSONSchema(schema)},
    ]),
  ) as Record<DocumentKind, object>
}
