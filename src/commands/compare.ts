import {Args, Flags} from '@oclif/core'
import {compareDocuments, readComparable} from '../analysis/compare.ts'
import {AnalysisError} from '../analysis/errors.ts'
import {BaseCommand} from './shared/base.ts'
import {readSaved} from './shared/document.ts'

export default class Compare extends BaseCommand {
  static override summary = 'Compare two saved documents, figure by figure'
  static override description =
    'A and B are JSON documents or the pages that embed them: two analyses, or two machine profiles.'
  static override examples = [
    '<%= config.bin %> compare before.json after.json',
    '<%= config.bin %> compare before.html after.html --all',
  ]
  static override args = {
    before: Args.string({ignoreStdin: true, required: true, description: 'the document before'}),
    after: Args.string({ignoreStdin: true, required: true, description: 'the document after'}),
  }
  static override flags = {
    all: Flags.boolean({summary: 'show figures that did not change, too', helpGroup: 'OUTPUT'}),
  }

  async run(): Promise<void> {
    const {args, flags} = await this.read(Compare)
    if (args.before === '-' && args.after === '-')
      throw new AnalysisError('bad-flag', 'only one of the documents can come from standard input', [
        'give the other as a file',
      ])
    const before = await readComparable(await readSaved(args.before), args.before)
    const after = await readComparable(await readSaved(args.after), args.after)
    const {result, warnings} = compareDocuments(before, after)
    for (const warning of warnings) this.remark(warning)
    await this.answer({
      schema: 'comparison@1',
      result,
      text: async (look) => (await import('../../reports/text/comparison.ts')).comparisonText(result, look, flags.all),
      sheets: async () => (await import('../../reports/text/comparison.ts')).comparisonSheets(result),
      next: `perf check --baseline ${args.before} ${args.after} fails where it got worse`,
    })
  }
}
