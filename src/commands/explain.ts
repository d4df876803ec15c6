import * as Args from '@oclif/core/args'
import type {Explanation} from '../analysis/document/explain.ts'
import {AnalysisError} from '../analysis/errors.ts'
import {explain, type GivenDims} from '../analysis/explain/index.ts'
import {BaseCommand} from './shared/base.ts'
import {chosenDims, dimFlags, explainAnswer} from './shared/explain.ts'

export default class Explain extends BaseCommand {
  static override summary = "An operator's formula with the arithmetic filled in, or a concept in a screenful"
  static override examples = [
    '<%= config.bin %> explain linear --dim m=1 --dim n=4096 --dim k=4096',
    '<%= config.bin %> explain roofline',
    '<%= config.bin %> explain kv-cache',
  ]
  static override args = {
    what: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'operator kind, or roofline, ridge, intensity, kv-cache …',
    }),
  }
  static override flags = dimFlags

  async run(): Promise<void> {
    const {args, flags} = await this.read(Explain)
    const result = await this.explained(args.what, chosenDims(flags.dim))
    await this.answer(
      explainAnswer(result, result.kind === 'concept' ? 'perf explain linear' : 'perf explain intensity'),
    )
  }

  /** Of a kernel's name, which people know from `perf bench`, the error says what it computes. */
  private async explained(what: string, dims: GivenDims): Promise<Explanation> {
    try {
      return explain(what, dims)
    } catch (error) {
      if (!(error instanceof AnalysisError) || error.code !== 'unknown-concept') throw error
      const {kernels} = await import('../kernels/registry.ts')
      const known: Readonly<Record<string, {op: string}>> = kernels
      if (!Object.hasOwn(known, what)) throw error
      const computes = known[what]!.op.split('+')
      throw new AnalysisError(
        error.code,
        `"${what}" is a kernel of perf bench; operators are explained, and it computes ${computes.join(', ')}`,
        computes.map((op) => `perf explain ${op}`),
      )
    }
  }
}
