import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type {Extras} from '../../reports/live/source.ts'
import {readComparable} from '../analysis/compare.ts'
import {AnalysisError, quoted} from '../analysis/errors.ts'
import {chooseRows} from '../analysis/rows.ts'
import {type Answer, BaseCommand} from './shared/base.ts'
import {readPage, readSaved, within} from './shared/document.ts'
import {tableFlags} from './shared/flags.ts'
import type {Kept} from './shared/saved.ts'

type Format = 'html' | 'svg' | 'png' | 'markdown' | 'csv' | 'json' | 'text'

/** Flags that matter to every kind of document. */
interface Given {
  readonly machine?: string | undefined
  readonly runs?: string | undefined
  readonly view?: string | undefined
  readonly theme?: 'light' | 'dark' | undefined
}

export default class Report extends BaseCommand {
  static override summary = 'Show a saved document as a page, a picture or a table'
  static override examples = [
    '<%= config.bin %> report analysis.json --output report.html',
    '<%= config.bin %> report analysis.json --format svg --output roofline.svg',
    '<%= config.bin %> report bench.json --output kernels.html',
    '<%= config.bin %> report report.html --format json',
  ]
  static override args = {
    document: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'JSON or HTML that a command wrote; - for standard input',
    }),
  }
  static override flags = {
    format: Flags.option({
      options: ['html', 'svg', 'png', 'markdown', 'csv', 'json', 'text'] as const,
      summary: 'what to make of it (default html)',
      helpGroup: 'REPORT',
    })(),
    view: Flags.string({
      summary: 'which picture, for svg and png (default roofline)',
      helpValue: 'VIEW',
      helpGroup: 'REPORT',
    }),
    theme: Flags.option({
      options: ['light', 'dark'] as const,
      summary: 'colours of the picture',
      helpGroup: 'REPORT',
    })(),
    runs: Flags.string({
      summary: 'measured kernels (`perf bench --json`) to draw on the page',
      helpValue: 'BENCH.json',
      helpGroup: 'REPORT',
    }),
    machine: Flags.string({
      summary: 'what the kernels of a benchmark stand under (default local)',
      helpValue: 'ID|FILE',
      helpGroup: 'REPORT',
    }),
    ...tableFlags,
  }

  async run(): Promise<void> {
    const {args, flags} = await this.read(Report)
    const format: Format =
      flags.format ?? (flags.json ? 'json' : flags.csv ? 'csv' : flags.markdown ? 'markdown' : 'html')
    const {document: saved, extras: found} = await readPage(args.document)
    const {readKept} = await import('./shared/saved.ts')
    const kept = await readKept(saved, args.document, found)
    if (kept)
      return this.kept(
        {...kept, answer: await this.changed(kept.answer, format, args.document, saved, found)},
        format,
        flags,
      )
    // the whole schema first: what follows relies on every field
    await this.whole(saved, args.document)
    const {readDocument} = await import('../../reports/document.ts')
    const document = await within(args.document, () => readDocument(saved))
    const extras = {...found, ...(await this.runs(flags.runs))}
    switch (format) {
      case 'html': {
        const {renderPage} = await import('./shared/report.ts')
        return this.deliver(await renderPage(document, extras))
      }
      case 'svg':
      case 'png': {
        const {renderPicture} = await import('./shared/picture.ts')
        return this.deliver(await renderPicture(format, document, {...this.picture(flags), extras}))
      }
      default: {
        const {result} = document
        this.choose(format)
        this.warnings.push(...document.warnings)
        const rows = chooseRows(result, flags)
        const answer: Answer = {
          schema: 'analysis@1',
          result,
          text: async (look) => {
            const {analysisText} = await import('../../reports/text/analysis.ts')
            return analysisText(result, {...look, ...rows, chart: this.isTerminal})
          },
          sheets: async () => (await import('../../reports/text/analysis.ts')).analysisSheets(result, rows),
          lead: async () => (await import('../../reports/text/analysis.ts')).analysisLead(result),
        }
        return this.answer(await this.changed(answer, format, args.document, saved, found))
      }
    }
  }

  /** The page of a comparison says what changed, wherever there is room for more than one table. */
  private async changed(
    answer: Answer,
    format: Format,
    origin: string,
    after: unknown,
    {before}: Extras,
  ): Promise<Answer> {
    if (before === undefined || (format !== 'markdown' && format !== 'text')) return answer
    const {withChanges} = await import('./shared/changes.ts')
    return withChanges(answer, [before, `${origin}, before`], [after, origin])
  }

  private picture({theme, view}: {theme?: 'light' | 'dark' | undefined; view?: string | undefined}) {
    return {theme: theme ?? 'light', view: view ?? 'roofline'} as const
  }

  /** A document that is no analysis. */
  private async kept(kept: Kept, format: Format, flags: Given): Promise<void> {
    const {machine, runs} = flags
    if (runs !== undefined)
      throw new AnalysisError('bad-flag', '--runs draws measured kernels beside an analysis, and this is none', [
        'leave --runs out',
      ])
    if (format === 'html' || format === 'svg' || format === 'png') {
      const {document, extras} = await kept.page(async () => {
        const {findMachine} = await import('./shared/machine.ts')
        return await findMachine(machine ?? 'local', this)
      })
      if (format === 'html') {
        const {renderPage} = await import('./shared/report.ts')
        return this.deliver(await renderPage(document, extras))
      }
      const {renderPicture} = await import('./shared/picture.ts')
      return this.deliver(await renderPicture(format, document, {...this.picture(flags), extras}))
    }
    this.choose(format)
    this.warnings.push(...kept.warnings)
    return this.answer(kept.answer)
  }

  /** @throws AnalysisError `bad-document` naming the field that is wrong */
  private async whole(saved: unknown, origin: string): Promise<void> {
    const schema = typeof saved === 'object' && saved !== null && 'schema' in saved ? saved.schema : undefined
    // a report shows every document; what compares two names those that it compares
    if (typeof schema !== 'string' || !/^ridgepoint\/[a-z]+@\d+$/.test(schema))
      throw new AnalysisError(
        'bad-document',
        `${origin}: ${typeof schema === 'string' ? `"schema" is ${quoted(schema)}` : 'there is no "schema"'}: no command of this tool wrote it`,
        ['save one with --json or --report: `perf analyze MODEL --json > a.json`, `perf bench --json > b.json`'],
      )
    const document = await readComparable(saved, origin)
    if (document.kind !== 'analysis') throw new AnalysisError('bad-document', `${origin} is no analysis`, [])
  }

  /** @throws AnalysisError `bad-document` where the file holds no benchmark */
  private async runs(path: string | undefined): Promise<Pick<Extras, 'runs'>> {
    if (path === undefined) return {}
    const saved = await readSaved(path)
    const {benchSchema} = await import('../analysis/document/bench.ts')
    const value = typeof saved === 'object' && saved !== null && 'result' in saved ? saved.result : undefined
    const parsed = benchSchema.safeParse(value)
    if (parsed.success) return {runs: parsed.data.kernels as NonNullable<Extras['runs']>}
    const issue = parsed.error.issues[0]
    throw new AnalysisError(
      'bad-document',
      `${path}: ${['result', ...(issue?.path ?? [])].join('.')}: ${issue?.message}`,
      ['save one with `perf bench --json > bench.json`'],
    )
  }
}
