import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import {withDimensions} from '../analysis/dimensions.ts'
import {findFit} from '../analysis/fit.ts'
import {parseRange, sweep} from '../analysis/sweep.ts'
import {BaseCommand} from './shared/base.ts'
import {
  compressionFlags,
  machineFlags,
  modelFlags,
  oneMachine,
  quantity,
  trainingFlags,
  workloadFlags,
} from './shared/flags.ts'
import {findMachine} from './shared/machine.ts'
import {findModel} from './shared/model.ts'
import {chosenDimensions, chosenTeacher, chosenWorkload, configValues, importOptions} from './shared/workload.ts'

const range = (summary: string, helpValue: string) => Flags.string({summary, helpValue, helpGroup: 'RANGES'})

export default class Sweep extends BaseCommand {
  static override summary = 'Analyze over ranges, and name the points where the bound changes'
  static override description =
    'A range is START:END:xFACTOR, START:END:+STEP, or a list 1,2,4. --fit finds what fits the memory and the limits.'
  static override examples = [
    '<%= config.bin %> sweep llama-3-8b --machine h100-sxm --phase decode --batch 1:512:x2',
    '<%= config.bin %> sweep llama-3-8b --machine h100-sxm --phase decode --fit --max-tpot "20 ms"',
  ]
  static override args = {
    model: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'built-in id, path of a Hugging Face config.json or its folder, or -',
    }),
  }
  static override flags = {
    ...workloadFlags,
    ...compressionFlags,
    ...trainingFlags,
    batch: range('sequences processed together', '1:512:x2'),
    seq: range('tokens processed at once', '128:4096:x2'),
    context: range('tokens already cached', '0:8192:+1024'),
    fit: Flags.boolean({
      default: false,
      summary: 'the largest batch, context and sequence that fit',
      helpGroup: 'LIMITS',
    }),
    'max-ttft': quantity(
      'max-ttft',
      's',
      'with --fit: the largest batch under this time to first token',
      'LIMITS',
      '500 ms',
    ),
    'max-tpot': quantity(
      'max-tpot',
      's',
      'with --fit: the largest batch under this time per later token',
      'LIMITS',
      '20 ms',
    ),
    ...modelFlags,
    ...machineFlags,
    machine: oneMachine,
  }

  protected override readonly hasOwnConfig = true

  async run(): Promise<void> {
    const {args, flags} = await this.read(Sweep)
    const found = await findModel(args.model, await importOptions({...flags, batch: undefined}))
    const model = withDimensions(found.model, chosenDimensions(flags))
    const {batch, seq, context, ...rest} = flags
    const ranges = {
      ...(batch === undefined ? {} : {batch: parseRange(batch, '--batch')}),
      ...(seq === undefined ? {} : {seq: parseRange(seq, '--seq')}),
      ...(context === undefined ? {} : {context: parseRange(context, '--context', 0)}),
    }
    const first = {batch: ranges.batch?.[0], seq: ranges.seq?.[0], context: ranges.context?.[0]}
    const options = {...chosenWorkload(rest), ...(await chosenTeacher(rest)), ...first}
    if (this.wantsConfig)
      return this.answerConfig({
        ...configValues(model, options, flags),
        fit: wantsFit(flags),
        'max-ttft': flags['max-ttft'] ?? null,
        'max-tpot': flags['max-tpot'] ?? null,
      })
    for (const warning of found.warnings) this.remark(warning)
    const machine = await findMachine(flags.machine ?? 'local', this, flags)
    const limits = {maxTtft: flags['max-ttft'], maxTpot: flags['max-tpot']}
    const fits = wantsFit(flags) ? findFit(model, machine, options, limits) : null
    const {result, warnings} = sweep(model, machine, options, ranges, fits)
    for (const warning of warnings) this.remark(warning)
    await this.answer({
      schema: 'sweep@1',
      result,
      text: async (look) => (await import('../../reports/text/sweep.ts')).sweepText(result, look),
      sheets: async () => (await import('../../reports/text/sweep.ts')).sweepSheets(result),
      next:
        Object.keys(ranges).length > 0
          ? `perf analyze ${args.model} with the sizes of one row shows its operators`
          : `perf sweep ${args.model} … --batch 1:512:x2 (or --seq, --context) has a row for each size`,
    })
  }
}

/** A limit asks for what fits as well. */
const wantsFit = (flags: {fit: boolean; 'max-ttft'?: number | undefined; 'max-tpot'?: number | undefined}): boolean =>
  flags.fit || flags['max-ttft'] !== undefined || flags['max-tpot'] !== undefined
