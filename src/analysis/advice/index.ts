/** Every advice rule, one line each. */
import type {AdviceRule} from './types.ts'

export const adviceRules = {} as const satisfies Record<string, AdviceRule>
