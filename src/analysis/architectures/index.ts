/** Every architecture, one line each. A model names one and gives its dimensions. */
import {operatorsArchitecture} from './operators.ts'
import {transformerArchitecture} from './transformer.ts'

export const architectures = {
  operators: operatorsArchitecture,
  transformer: transformerArchitecture,
} as const

export type ArchitectureId = keyof typeof architectures
/** The dimensions that an architecture takes. */
export type SpecOf<A extends ArchitectureId> = Parameters<(typeof architectures)[A]['graph']>[0]
