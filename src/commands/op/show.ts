import * as Args from '@oclif/core/args'
import {explainOperator} from '../../analysis/explain/operator.ts'
import {BaseCommand} from '../shared/base.ts'
import {chosenDims, dimFlags, explainAnswer} from '../shared/explain.ts'

export default class OpShow extends BaseCommand {
  static override summary = 'Show what an operator costs: formula, arithmetic, tensors'
  static override examples = ['<%= config.bin %> op show linear', '<%= config.bin %> op show linear --dim m=1']
  static override args = {op: Args.string({ignoreStdin: true, required: true, description: 'operator kind'})}
  static override flags = dimFlags

  async run(): Promise<void> {
    const {args, flags} = await this.read(OpShow)
    await this.answer(explainAnswer(explainOperator(args.op, chosenDims(flags.dim)), 'perf explain intensity'))
  }
}
