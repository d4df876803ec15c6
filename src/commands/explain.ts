import * as Args from '@oclif/core/args'
import {explain} from '../analysis/explain/index.ts'
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
    const result = explain(args.what, chosenDims(flags.dim))
    await this.answer(
      explainAnswer(result, result.kind === 'concept' ? 'perf explain linear' : 'perf explain intensity'),
    )
  }
}
