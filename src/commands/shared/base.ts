/**
 * What every command shares: settings, warnings, one way to answer and one way to fail. oclif's own `--json` is not used: it
 * changes exit codes, silences warnings and prints its internals when a flag does not parse.
 */
import type {Interfaces} from '@oclif/core'
import {Command} from '@oclif/core/command'
import {asciiLines, speaksUnicode} from '../../../reports/text/ascii.ts'
import type {Printed} from '../../../reports/text/sheet.ts'
import type {Look} from '../../../reports/text/style.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {report, setBy} from './failure.ts'
import {outputFlags} from './flags.ts'
import {checkApart, checkWritable, documentJson, harmless, writeAnswer, writeRemark, writeWhole} from './output.ts'
import {loadSettings, type Setting} from './settings.ts'

/** A document, and how to show it. Renderers are functions so that only the one that is asked for is loaded. */
export interface Answer {
  /** kind and version, such as `analysis@1` */
  readonly schema: string
  readonly result: unknown
  readonly text: (look: Look) => Promise<string> | string
  /** tables for CSV (the first) and Markdown (all), titled */
  readonly sheets: () => Promise<readonly (readonly [title: string, sheet: Printed])[]>
  /** what stands before the tables in Markdown, ended by a new line; nothing where the tables say all */
  readonly lead?: () => Promise<string>
  /** the next useful command */
  readonly next?: string
}

interface CommonFlags {
  json?: boolean
  csv?: boolean
  markdown?: boolean
  output?: string | undefined
  report?: string | undefined
  quiet?: boolean
  'no-color'?: boolean
  'show-config'?: boolean
}

/** A row of `--show-config`. */
export interface ConfigRow {
  readonly name: string
  readonly value: string | number | boolean | null
  readonly source: string
}

const shownValue = (value: unknown): ConfigRow['value'] =>
  value === undefined || value === null
    ? null
    : typeof value === 'number' || typeof value === 'boolean'
      ? value
      : Array.isArray(value)
        ? value.map((one) => (Array.isArray(one) ? one.join('x') : one)).join(',')
        : String(value)

/** Ends a command that has shown its settings and is to do nothing else. */
class ConfigShown extends Error {}

export abstract class BaseCommand extends Command {
  static override baseFlags = outputFlags
  static override enableJsonFlag = false

  /** remarks so far: they travel in the document and were printed when they arose */
  protected readonly warnings: Warning[] = []
  /** answers `--show-config` itself, with the values that its defaults come to; others show what they were given */
  protected readonly hasOwnConfig: boolean = false
  private common: CommonFlags = {}
  private sources = new Map<string, string>()
  /** settings that came from outside the command line */
  private outside: readonly (readonly [string, Setting])[] = []

  /**
   * Parses the arguments, with environment, project and user file filling in what the command line leaves out, and refuses output
   * paths that cannot be written. With `--show-config` it does not return, unless the command answers that itself.
   */
  protected async read<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(command: Interfaces.Input<F, B, A>): Promise<{flags: F & B; args: A; argv: unknown[]}> {
    const names = Object.keys({...this.ctor.flags, ...this.ctor.baseFlags})
    const settings = await loadSettings(names, this.knownFlags())
    const given = await this.parse(command, this.argv)
    const typed = new Set(given.raw.flatMap((token) => (token.type === 'flag' ? [token.flag] : [])))
    const extra = [...settings].filter(([name]) => !typed.has(name))
    const {flags, args, argv} = extra.length > 0 ? await this.parseWith(command, extra) : given
    this.common = flags as CommonFlags
    this.outside = extra
    this.sources = new Map([
      ...Object.entries(args).flatMap(([name, value]) => (value === undefined ? [] : [[name, 'argument'] as const])),
      ...[...typed].map((name) => [name, 'flag'] as const),
      ...extra.map(([name, setting]) => [name, setting.source] as const),
    ])
    const {output, report} = this.common
    if (output !== undefined && output !== '-') checkWritable('--output', output)
    if (report === '-')
      throw new AnalysisError('bad-flag', '--report - would mix the page with the answer on standard output', [
        '--report page.html',
        'perf report DOCUMENT --output - writes a page there',
      ])
    if (report !== undefined) checkWritable('--report', report)
    if (output !== undefined && report !== undefined) checkApart('--output', output, '--report', report)
    if (this.wantsConfig && !this.hasOwnConfig) {
      const given: Readonly<Record<string, unknown>> = {...args, ...flags}
      const own = Object.keys({...this.ctor.args, ...this.ctor.flags, ...this.ctor.baseFlags}).filter(
        (name) => name !== 'show-config',
      )
      await this.answerConfig(Object.fromEntries(own.map((name) => [name, shownValue(given[name])])))
      throw new ConfigShown()
    }
    return {flags, args, argv}
  }

  private async parseWith<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(command: Interfaces.Input<F, B, A>, extra: readonly (readonly [string, Setting])[]) {
    const isBoolean = (name: string) => ({...this.ctor.flags, ...this.ctor.baseFlags})[name]?.type === 'boolean'
    const words = extra.flatMap(([name, {value}]) =>
      isBoolean(name) ? (value === 'true' || value === '1' ? [`--${name}`] : []) : [`--${name}=${value}`],
    )
    try {
      return await this.parse(command, [...words, ...this.argv])
    } catch (error) {
      if (error instanceof Error)
        error.message += ` (set by ${extra.map(([name, s]) => `${s.source}: ${name}`).join(', ')})`
      throw error
    }
  }

  /** Flags of every command, from the manifest: what a settings file may name. */
  private knownFlags(): string[] {
    return [...new Set(this.config.commands.flatMap((command) => Object.keys(command.flags)))]
  }

  /** Adds a remark to the document and says it at once. */
  remark(warning: Warning): void {
    this.warnings.push(warning)
    this.say(`Warning: ${warning.message} [${warning.code}]`)
  }

  /** A line to standard error, unless `--quiet`. */
  say(line: string): void {
    if (!this.common.quiet) writeRemark(harmless(line))
  }

  /** Whether progress may be drawn on standard error. */
  get showsProgress(): boolean {
    return process.stderr.isTTY === true && !this.common.quiet && process.env.TERM !== 'dumb'
  }

  /** Whether a person reads standard output. */
  protected get isTerminal(): boolean {
    return process.stdout.isTTY === true && this.common.output === undefined
  }

  protected get wantsConfig(): boolean {
    return this.common['show-config'] === true
  }

  private look(): Look {
    const {NO_COLOR, TERM, COLUMNS} = process.env
    const color = this.isTerminal && !NO_COLOR && TERM !== 'dumb' && !this.common['no-color']
    const width = Number(process.stdout.columns || COLUMNS)
    // a pipe has no width: 120 columns show most of every table, --csv and --markdown all of it
    return {
      ...{color, width: Number.isInteger(width) && width > 0 ? Math.max(width, 40) : 120},
      // a file holds UTF-8, whatever the terminal that it was ordered from
      ascii: this.common.output === undefined && !speaksUnicode(process.env),
    }
  }

  /** Chooses the format of `answer` by name, for a command that has a flag for it. */
  protected choose(format: 'json' | 'csv' | 'markdown' | 'text'): void {
    this.common = {...this.common, json: format === 'json', csv: format === 'csv', markdown: format === 'markdown'}
  }

  /** Sends what was rendered to where it belongs. */
  protected async deliver(rendered: string | Buffer): Promise<void> {
    const {output} = this.common
    if (output === undefined || output === '-') {
      writeAnswer(rendered)
      return
    }
    await writeWhole('--output', output, rendered)
    this.say(`wrote ${output}`)
  }

  /** Prints the document in the format that was asked for, or writes it to `--output`. */
  protected async answer({schema, result, text, sheets, lead, next}: Answer): Promise<void> {
    const {json, csv, markdown} = this.common
    const render = async (): Promise<string> => {
      if (json) return documentJson(schema, result, this.warnings)
      if (csv) {
        const {toCsv} = await import('../../../reports/text/csv.ts')
        return harmless(toCsv((await sheets())[0]![1]))
      }
      if (markdown) {
        const {toMarkdown} = await import('../../../reports/text/markdown.ts')
        const parts = (await sheets()).map(([title, sheet]) => `## ${title}\n\n${toMarkdown(sheet)}`)
        return harmless([...(lead ? [await lead()] : []), ...parts].join('\n'))
      }
      const look = this.look()
      const shown = harmless((await text(look)).trimEnd(), look.color)
      return `${look.ascii ? asciiLines(shown, look.width) : shown}\n`
    }
    await this.deliver(await render())
    if (next && !json && !csv && !markdown) this.say(`Next: ${next}`)
  }

  /** Answers `--show-config`: values with their source. */
  protected async answerConfig(values: Readonly<Record<string, ConfigRow['value']>>): Promise<void> {
    const rows: ConfigRow[] = Object.entries(values).map(([name, value]) => ({
      name,
      value,
      source: this.sources.get(name) ?? 'default',
    }))
    const {settingsSheet} = await import('../../../reports/text/sheets/settings.ts')
    const {print} = await import('../../../reports/text/sheet.ts')
    const sheet = print(settingsSheet(rows))
    await this.answer({
      schema: 'list@1',
      result: {kind: 'settings', items: rows},
      text: async (look) => (await import('../../../reports/text/terminal.ts')).toTerminal(sheet, look),
      sheets: async () => [['Settings', sheet]],
    })
  }

  override async catch(error: unknown): Promise<void> {
    if (error instanceof ConfigShown) return
    await report(setBy(error, this.outside), this.argv, {
      id: this.id,
      flags: Object.keys({...this.ctor.flags, ...this.ctor.baseFlags}),
      examples: this.ctor.examples.map((example) => String(example).replace('<%= config.bin %>', 'perf')),
    })
  }
}
