/** Types of what oclif makes of a set of flag definitions. */
import type {Interfaces} from '@oclif/core'

/** The parsed values of flags, each absent unless given. */
export type Values<F extends Interfaces.FlagInput> = Partial<
  Interfaces.InferredFlags<Interfaces.FlagInput<F extends Interfaces.FlagInput<infer T> ? T : never>>
>
