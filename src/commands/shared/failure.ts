/** Any error → the one shape a user sees, in text and in JSON, with its exit code. */
import {AnalysisError, type ErrorCode, errorCodes, exitCodes} from '../../analysis/errors.ts'
import {writeAnswer, writeRemark} from './output.ts'
import type {Setting} from './settings.ts'

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly suggestions: readonly string[]
  readonly exitCode: number
}

/** The command that ran, as far as one was found. */
interface Ran {
  readonly id: string | undefined
  /** names of its flags */
  readonly flags: readonly string[]
  readonly examples: readonly string[]
}
const none: Ran = {id: undefined, flags: [], examples: []}

/** What oclif throws for a flag or argument it cannot parse, and Node for a file. */
interface Foreign {
  readonly message?: unknown
  readonly code?: unknown
  readonly path?: unknown
  readonly oclif?: {readonly exit?: unknown}
  readonly flags?: unknown
  readonly args?: unknown
  readonly parse?: unknown
}

const tail = /\n?See more help with --help(?=\s*$| \()/
/** what oclif writes around the message of a flag's own parser */
const parsing = /^Parsing --([\w-]+)\s*\n\t([\s\S]*)$/
const preamble = /^The following errors? occurred:;\s*/
/** what a terminal would obey: control characters in an echoed argument */
const control = /\p{Cc}+/gu

const flat = (text: string): string =>
  text
    .replace(tail, '')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join('; ')

/** A parser's own message; its flag is named once. */
function unwrapped(message: string): string {
  const found = parsing.exec(message.replace(tail, ''))
  if (!found) return message
  const [, flag, said = ''] = found
  return said.includes(`--${flag}`) ? said : `--${flag} ${said}`
}

/** Flags that come near those that do not exist. */
async function nearFlags(asked: unknown, known: readonly string[]): Promise<string[]> {
  if (!Array.isArray(asked)) return []
  const {nearest} = await import('../../analysis/catalog.ts')
  return asked.flatMap((flag) => nearest(String(flag), known)).map((name) => `did you mean --${name}?`)
}

/** Arguments that are not there, by name: oclif prints the help of each, wrapped over lines. */
function missing({args}: Foreign): string | null {
  if (!Array.isArray(args) || args.length === 0) return null
  const names = args.flatMap((arg: unknown) =>
    typeof arg === 'object' && arg !== null && 'name' in arg ? [String(arg.name).toUpperCase()] : [],
  )
  return names.length === args.length ? `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} missing` : null
}

/** A line that works, where something was left out: one with the flag that lacks its value, else the first. */
function exampleFor(message: string, examples: readonly string[]): string[] {
  const [, flag] = /^Flag (--[\w-]+) expects a value$/.exec(message) ?? []
  if (flag === undefined && !/ (?:is|are) missing$/.test(message)) return []
  const found = examples.find((example) => flag !== undefined && example.includes(`${flag} `)) ?? examples[0]
  return found === undefined ? [] : [`for example \`${found}\``]
}

/** oclif's own words for a usage mistake, on one line, with a way out. */
async function usageFailure(error: Foreign, {id: command, flags, examples}: Ran): Promise<Failure> {
  const message =
    missing(error) ??
    flat(String(error.message ?? 'wrong usage'))
      .replace(preamble, '')
      .replace(/Missing required flag (\S+)/g, '--$1 is missing')
      .replace(/--([\w-]+)=\S* cannot also be provided when using --([\w-]+)/g, '--$2 and --$1 exclude each other')
      .replace(control, ' ')
  const help = `\`perf ${command ? `${command.replaceAll(':', ' ')} ` : ''}--help\` shows what is allowed`
  const suggestions = [...(await nearFlags(error.flags, flags)), ...exampleFor(message, examples), help]
  return {code: 'bad-flag', message, suggestions, exitCode: exitCodes.usage}
}

/** The next step where an importer names a field and nothing else. */
const nextSteps: Partial<Record<ErrorCode, string>> = {
  'bad-config': "compare the field with the model's published config.json",
  'bad-machine': '`perf machine show h100-sxm --json` prints a machine file that is right',
  'sparse-peak': "give the dense peak: half the sparse one on today's GPUs",
  'bad-document': 'save it again with --json',
}

/**
 * Turns what was thrown into a failure. What is neither ours nor oclif's is a bug of ours: one line and a hint.
 */
async function failureOf(error: unknown, ran: Ran): Promise<Failure> {
  if (error instanceof AnalysisError) {
    const {code, exitCode} = error
    const message = unwrapped(error.message)
    const next = nextSteps[code]
    const suggestions = error.suggestions.length > 0 || next === undefined ? error.suggestions : [next]
    return {code, message, suggestions, exitCode}
  }
  const foreign: Foreign = typeof error === 'object' && error !== null ? error : {message: error}
  if (foreign.oclif !== undefined && foreign.oclif.exit !== 0) return usageFailure(foreign, ran)
  const message = flat(String(foreign.message ?? error)).replace(control, ' ')
  return {
    code: 'internal',
    message: `a bug of ours: ${message}`,
    suggestions: ['RIDGEPOINT_DEBUG=1 shows where; please report it with the command line'],
    exitCode: exitCodes[errorCodes.internal],
  }
}

/**
 * The same error, saying where its value comes from: nobody looks for a machine in the environment when the command line names none.
 * @param outside settings that no flag gave
 */
export function setBy(error: unknown, outside: readonly (readonly [string, Setting])[]): unknown {
  if (!(error instanceof AnalysisError)) return error
  const {code, message, suggestions} = error
  const names = (value: string) => value.split(',').some((part) => message.includes(JSON.stringify(part.trim())))
  const behind = outside.filter(([flag, {value}]) => message.includes(`--${flag} `) || names(value))
  if (behind.length === 0) return error
  const from = behind.map(([flag, {source}]) => `${flag} is set by ${source}`)
  return new AnalysisError(code, `${message} (${from.join(', ')})`, suggestions)
}

/** The error document of the contract. */
function failureJson({code, message, suggestions}: Failure): string {
  return JSON.stringify({schema: 'ridgepoint/error@1', ok: false, error: {code, message, suggestions}}, null, 2)
}

/** The same for people: one line, then one line for each suggestion. */
function failureText({message, suggestions}: Failure): string {
  return [`Error: ${message}`, ...suggestions.map((suggestion) => `  ${suggestion}`)].join('\n')
}

/** Whether JSON was asked for: `--json` before any `--`. Decided on the raw arguments, since they may not parse. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}

/** Whether standard output took it. */
function answered(document: string): boolean {
  try {
    writeAnswer(document)
    return true
  } catch {
    return false
  }
}

/** Reports a failure on the stream it belongs to and sets the exit code. */
export async function report(error: unknown, argv: readonly string[], ran: Ran = none): Promise<void> {
  const failure = await failureOf(error, ran)
  process.exitCode = failure.exitCode
  if (process.env.RIDGEPOINT_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  if (wantsJson(argv) && answered(`${failureJson(failure)}\n`)) return
  writeRemark(failureText(failure))
}
