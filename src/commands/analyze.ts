import * as Args from '@oclif/core/args'
import type {AnalyzeOptions} from '../analysis/analyze.ts'
import {analyzeModel} from '../analysis/analyze.ts'
import {withDimensions} from '../analysis/dimensions.ts'
import {chooseRows} from '../analysis/rows.ts'
import {checkTeacher} from '../analysis/training/teacher.ts'
import {resolveWorkload, wholeNumber} from '../analysis/workload.ts'
import {BaseCommand} from './shared/base.ts'
import {
  compressionFlags,
  machineFlags,
  modelFlags,
  reportFlag,
  tableFlags,
  trainingFlags,
  workloadFlags,
} from './shared/flags.ts'
import {findMachines} from './shared/machine.ts'
import {findModel} from './shared/model.ts'
import {chosenDimensions, chosenTeacher, chosenWorkload, configValues, importOptions} from './shared/workload.ts'

export default class Analyze extends BaseCommand {
  static override summary = 'Predict what limits a model on a machine, operator by operator'
  static override description =
    'Operators, FLOPs, bytes, intensity, the binding ceiling, lower bounds of time, memory and advice.'
  static override examples = [
    '<%= config.bin %> analyze transformer --batch 32 --report report.html',
    '<%= config.bin %> analyze llama-3-8b --machine h100-sxm,mi300x --phase decode --batch 16',
    '<%= config.bin %> analyze llama-3-8b --machine h100-sxm --phase train --recompute full --lora 16',
    '<%= config.bin %> analyze ./config.json --machine h100-sxm --top 10',
    '<%= config.bin %> analyze - --json < config.json',
  ]
  static override args = {
    model: Args.string({
      ignoreStdin: true,
      required: true,
      description:
        'built-in id, path of a config.json, .onnx, .gguf or .safetensors or its folder, hub id org/name, or -',
    }),
  }
  static override flags = {
    ...workloadFlags,
    ...compressionFlags,
    ...trainingFlags,
    ...modelFlags,
    ...machineFlags,
    ...tableFlags,
    ...reportFlag,
  }

  protected override readonly hasOwnConfig = true

  async run(): Promise<void> {
    const {args, flags} = await this.read(Analyze)
    const found = await findModel(args.model, await importOptions(flags))
    const model = withDimensions(found.model, chosenDimensions(flags))
    const options: AnalyzeOptions = {...chosenWorkload(flags), ...(await chosenTeacher(flags))}
    if (this.wantsConfig) return this.answerConfig(configValues(model, options, flags))
    // a mistake is refused before anything is measured
    if (flags.top !== undefined) wholeNumber(flags.top, '--top')
    checkTeacher(model, resolveWorkload(model, options))
    for (const warning of found.warnings) this.remark(warning)
    const [machine, ...against] = await findMachines(flags.machine ?? 'local', this, flags)
    const {result, warnings} = analyzeModel(model, machine, {...options, against})
    for (const warning of warnings) this.remark(warning)
    if (flags.report !== undefined) {
      const {writeReport} = await import('./shared/report.ts')
      await writeReport(
        '--report',
        flags.report,
        {schema: 'ridgepoint/analysis@1', ok: true, result, warnings: this.warnings},
        {model, machines: [machine, ...against], fixed: {launchOverhead: options.launchOverhead}},
      )
      this.say(`wrote ${flags.report}`)
    }
    await this.answer({
      schema: 'analysis@1',
      result,
      text: async (look) => {
        const {analysisText} = await import('../../reports/text/analysis.ts')
        return analysisText(result, {...look, ...chooseRows(result, flags), chart: this.isTerminal})
      },
      sheets: async () => {
        const {analysisSheets} = await import('../../reports/text/analysis.ts')
        return analysisSheets(result, chooseRows(result, flags))
      },
      lead: async () => (await import('../../reports/text/analysis.ts')).analysisLead(result),
      next: flags.report === undefined ? `perf analyze ${args.model} … --report report.html` : `perf explain roofline`,
    })
  }
}
