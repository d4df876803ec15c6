import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import {analyzeModel} from '../analysis/analyze.ts'
import {checkDocument} from '../analysis/check.ts'
import {type Comparable, readComparable} from '../analysis/compare.ts'
import {AnalysisError, exitCodes} from '../analysis/errors.ts'
import {compressionOptions} from '../analysis/passes/compression.ts'
import {routingOptions} from '../analysis/routing.ts'
import {trainingOptions} from '../analysis/training/options.ts'
import {BaseCommand} from './shared/base.ts'
import {readSaved} from './shared/document.ts'
import {share} from './shared/flags.ts'
import {findMachines} from './shared/machine.ts'
import {findModel} from './shared/model.ts'

export default class Check extends BaseCommand {
  static override summary = 'Exit 5 where a document got worse than its baseline'
  static override description =
    'Without DOCUMENT, the question of the baseline is asked again: the same model and workload on the same machine, or this machine.'
  static override examples = [
    '<%= config.bin %> check --baseline before.json after.json',
    '<%= config.bin %> check --baseline before.json --max-regression 10%',
  ]
  static override args = {
    document: Args.string({ignoreStdin: true, description: 'document to check; default: the same question, asked now'}),
  }
  static override flags = {
    baseline: Flags.string({
      required: true,
      summary: 'document to check against',
      helpValue: 'DOC',
      helpGroup: 'CHECK',
    }),
    'max-regression': share(
      'max-regression',
      'how much worse is allowed (default 5% of total time; a profile its noise)',
      'CHECK',
    ),
  }

  async run(): Promise<void> {
    const {args, flags} = await this.read(Check)
    const baseline = await readComparable(await readSaved(flags.baseline), flags.baseline)
    const current =
      args.document === undefined
        ? await this.askAgain(baseline, flags.baseline)
        : await readComparable(await readSaved(args.document), args.document)
    const {result, warnings} = checkDocument(baseline, current, {maxRegression: flags['max-regression']})
    for (const warning of warnings) this.remark(warning)
    await this.answer({
      schema: 'check@1',
      result,
      text: async (look) => (await import('../../reports/text/check.ts')).checkText(result, look),
      sheets: async () => (await import('../../reports/text/check.ts')).checkSheets(result),
      ...(result.passed || args.document === undefined
        ? {}
        : {next: `perf compare ${flags.baseline} ${args.document}`}),
    })
    if (!result.passed) process.exitCode = exitCodes.threshold
  }

  /** The baseline's question, asked now. A model that its id does not bring back whole cannot be asked about. */
  private async askAgain(baseline: Comparable, path: string): Promise<Comparable> {
    if (baseline.kind === 'machine') {
      const [machine] = await findMachines(baseline.result.id, this)
      return {kind: 'machine', result: machine}
    }
    const {model: asked, machine: on, workload, totals} = baseline.result
    const {model} = await findModel(asked.id)
    const [machine] = await findMachines(on.id, this)
    const {dtype, phase, batch, seq, context, logits, fusion, count, tp} = workload
    const {result} = analyzeModel(model, machine, {
      phase,
      batch,
      seq,
      context,
      logits,
      fusion,
      count,
      tp,
      dtype: dtype.activations as never,
      weightsDtype: dtype.weights as never,
      kvDtype: dtype.kv as never,
      image: workload.image ?? undefined,
      srcSeq: workload.srcSeq ?? undefined,
      ...(workload.graph ?? {}),
      ...trainingOptions(workload.training as never),
      ...compressionOptions(workload.compression as never),
      ...routingOptions(workload.routing),
    })
    if (result.model.parameters.total !== asked.parameters.total || result.model.source !== asked.source)
      throw new AnalysisError(
        'bad-document',
        `${path}: ${asked.id} of the baseline has other dimensions than ${asked.id} by name (${totals.macs} MACs then, ${result.totals.macs} now)`,
        ['analyze it again with its flags and --json, and give that document'],
      )
    return {kind: 'analysis', result}
  }
}
