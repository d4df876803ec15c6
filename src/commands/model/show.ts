import * as Args from '@oclif/core/args'
import {withDimensions} from '../../analysis/dimensions.ts'
import {modelFacts} from '../../analysis/facts.ts'
import {BaseCommand} from '../shared/base.ts'
import {modelFlags} from '../shared/flags.ts'
import {oneSheet} from '../shared/list.ts'
import {findModel} from '../shared/model.ts'
import {chosenDimensions} from '../shared/workload.ts'

export default class ModelShow extends BaseCommand {
  static override summary = 'Show the dimensions of a model and its parameter count'
  static override examples = [
    '<%= config.bin %> model show llama-3-8b',
    '<%= config.bin %> model show ./config.json --json',
  ]
  static override args = {
    model: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'built-in id, path of a Hugging Face config.json or its folder, or -',
    }),
  }
  static override flags = modelFlags

  async run(): Promise<void> {
    const {args, flags} = await this.read(ModelShow)
    const {model, warnings} = await findModel(args.model)
    for (const warning of warnings) this.remark(warning)
    const result = modelFacts(withDimensions(model, chosenDimensions(flags)))
    await this.answer({
      schema: 'list@1',
      result,
      ...oneSheet('Model', async () =>
        (await import('../../../reports/text/sheets/facts.ts')).factSheet(result.items[0]!),
      ),
      next: `perf analyze ${args.model}`,
    })
  }
}
