import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type {Extras} from '../../reports/live/source.ts'
import type {FusedComparison} from '../analysis/document/bench.ts'
import type {Comparison} from '../analysis/document/comparison.ts'
import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError} from '../analysis/errors.ts'
import {BaseCommand} from './shared/base.ts'
import {changesAnswer, measuredChanges} from './shared/changes.ts'
import {readPage} from './shared/document.ts'
import {reportFlag} from './shared/flags.ts'
import {kernelFlags, runPairs} from './shared/kernels.ts'
import type {Page} from './shared/report.ts'
import type {Values} from './shared/values.ts'

/** A document to compare. */
interface Side {
  readonly value: unknown
  readonly origin: string
  readonly extras: Extras
}

export default class Compare extends BaseCommand {
  static override summary = 'Compare two saved documents, or fused kernels with their unfused form'
  static override description =
    'A and B are JSON documents or the pages that embed them: two analyses, two machine profiles, or two sets of measured times (bench, place, compare --fused).'
  static override examples = [
    '<%= config.bin %> compare before.json after.json',
    '<%= config.bin %> compare before.html after.html --all',
    '<%= config.bin %> compare profile-before.json profile-after.json --report changes.html',
    '<%= config.bin %> compare --fused all',
  ]
  static override args = {
    before: Args.string({ignoreStdin: true, description: 'the document before'}),
    after: Args.string({ignoreStdin: true, description: 'the document after'}),
  }
  static override flags = {
    all: Flags.boolean({default: false, summary: 'show figures that did not change, too', helpGroup: 'OUTPUT'}),
    fused: Flags.string({summary: 'run this pair, or all, and compare', helpValue: 'PAIR|all', helpGroup: 'KERNELS'}),
    ...kernelFlags,
    ...reportFlag,
    machine: Flags.string({
      summary: 'what the kernels of two benchmarks stand under on the page (default local)',
      helpValue: 'ID|FILE',
      helpGroup: 'REPORT',
    }),
  }

  async run(): Promise<void> {
    const {args, flags} = await this.read(Compare)
    const {before, after} = args
    if (flags.fused !== undefined) {
      if (before !== undefined)
        throw new AnalysisError('bad-flag', '--fused runs kernels and takes no documents', ['leave the documents out'])
      if (flags.machine !== undefined)
        throw new AnalysisError('bad-flag', '--fused runs kernels here: they stand under this machine', [
          'leave --machine out',
        ])
      return this.fused(flags.fused, flags)
    }
    if (before === undefined || after === undefined)
      throw new AnalysisError('bad-flag', 'compare needs two documents, or --fused', [
        'perf compare before.json after.json',
        'perf compare --fused all',
      ])
    if (before === '-' && after === '-')
      throw new AnalysisError('bad-flag', 'only one of the documents can come from standard input', [
        'give the other as a file',
      ])
    const {document: earlier} = await readPage(before)
    const {document: later, extras} = await readPage(after)
    const times = await measuredChanges([earlier, before], [later, after])
    const sides = [
      {value: earlier, origin: before, extras: {}},
      {value: later, origin: after, extras},
    ] as const
    if (times) {
      await this.page(sides, flags)
      return this.show(times, flags, `perf report ${after}`)
    }
    const {compareDocuments, readComparable} = await import('../analysis/compare.ts')
    const left = await readComparable(earlier, before)
    const right = await readComparable(later, after)
    const {result, warnings} = compareDocuments(left, right)
    for (const warning of warnings) this.remark(warning)
    if (left.kind === 'machine') await this.page(sides, flags)
    else if (flags.report !== undefined && right.kind === 'analysis') {
      const {writeReport} = await import('./shared/report.ts')
      const page = (result: typeof left.result) =>
        ({schema: 'ridgepoint/analysis@1', ok: true, result, warnings: []}) as const
      const document = {...page(right.result), warnings}
      await writeReport('--report', flags.report, document, {...extras, before: page(left.result)})
      this.say(`wrote ${flags.report}`)
    }
    await this.show(result, flags, `perf check --baseline ${before} ${after} fails where it got worse`)
  }

  private show(result: Comparison, {all}: {all: boolean}, next: string): Promise<void> {
    return this.answer({...changesAnswer(result, all), next})
  }

  /** Writes the page of two measured documents, where one is asked for. */
  private async page(
    sides: readonly Side[],
    {report, machine}: {report?: string | undefined; machine?: string | undefined},
  ) {
    if (report === undefined) return
    const [{readKept}, {writeReport}] = await Promise.all([import('./shared/saved.ts'), import('./shared/report.ts')])
    let found: Promise<Machine> | undefined
    const under = () => {
      found ??= import('./shared/machine.ts').then(({findMachine}) => findMachine(machine ?? 'local', this))
      return found
    }
    const pages: Page[] = []
    for (const {value, origin, extras} of sides) {
      const kept = await readKept(value, origin, extras)
      if (kept) pages.push(await kept.page(under))
    }
    const [before, after] = pages
    if (!before || !after) return
    await writeReport('--report', report, after.document, {...after.extras, before: before.document})
    this.say(`wrote ${report}`)
  }

  private async fused(pair: string, flags: Values<typeof kernelFlags & typeof reportFlag>): Promise<void> {
    const {pairs, warnings, machine} = await runPairs(flags, pair.split(','), this)
    for (const warning of warnings) this.remark(warning)
    const result: FusedComparison = {kind: 'fused', pairs}
    if (flags.report !== undefined) {
      const {writeBench} = await import('./shared/report.ts')
      const kernels = pairs.flatMap(({unfused, fused}) => [unfused, fused])
      await writeBench(flags.report, {kernels, machine, pairs, warnings: this.warnings})
      this.say(`wrote ${flags.report}`)
    }
    await this.answer({
      schema: 'comparison@1',
      result,
      text: async (look) => (await import('../../reports/text/fused.ts')).fusedText(result, look),
      sheets: async () => (await import('../../reports/text/fused.ts')).fusedSheets(result),
      next: 'perf analyze transformer --fusion all',
    })
  }
}
