/** `doctor@1`: what works here, what does not, and the one thing to do about it. */
import {z} from 'zod'

export const checkupSchema = z.strictObject({
  id: z.string(),
  verdict: z.enum(['ok', 'warn', 'fail']),
  found: z.string().describe('what was seen'),
  fix: z.string().nullable().describe('the one thing to do; null where nothing is wrong'),
})

export const doctorSchema = z.strictObject({checks: z.array(checkupSchema)})
export type Checkup = z.infer<typeof checkupSchema>
export type Doctor = z.infer<typeof doctorSchema>
