/** `error@1`: the whole document, where every other kind has a result. */
import {z} from 'zod'
import {errorCodes} from '../errors.ts'

const codes = Object.keys(errorCodes) as [keyof typeof errorCodes, ...(keyof typeof errorCodes)[]]

export const errorDocumentSchema = z.strictObject({
  schema: z.literal('ridgepoint/error@1'),
  ok: z.literal(false),
  error: z.strictObject({code: z.enum(codes), message: z.string(), suggestions: z.array(z.string())}),
})
