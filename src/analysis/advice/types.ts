import type {Advice} from '../document/analysis.ts'
import type {Evaluation} from '../evaluate.ts'
import type {ModelDef} from '../models/types.ts'
import type {Roof} from '../roofline.ts'
import type {Workload} from '../workload.ts'

/** What a rule sees. `rerun` answers "and if?" with the same engine: savings are differences, not estimates. */
export interface AdviceContext {
  readonly model: ModelDef
  readonly work: Workload
  readonly roof: Roof
  readonly evaluation: Evaluation
  rerun(change: Partial<Workload>): Evaluation
  /** this run on the machine as if starting an operator took no time */
  withoutLaunch(): Evaluation
}

export interface AdviceRule {
  readonly id: string
  readonly title: string
  apply(context: AdviceContext): readonly Advice[]
  /** arguments of an analysis on which the rule speaks, and of one on which it is silent: a test runs both */
  readonly example: {
    readonly model: string
    readonly machine: string
    readonly options: Readonly<Record<string, number | string>>
  }
  readonly counterExample: AdviceRule['example']
}
