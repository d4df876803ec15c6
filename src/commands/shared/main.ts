/** The program: finds the command, runs it, and answers for everything that goes wrong before there is one. */
import {Config} from '@oclif/core/config'
import type {CommandList, SettingsList} from '../../analysis/document/list.ts'
import {AnalysisError, exitCodes, quoted} from '../../analysis/errors.ts'
import {report, wantsJson} from './failure.ts'
import {documentJson, writeAnswer} from './output.ts'
import {type LoadCommand, manifestPlugin, type PackageJson} from './plugin.ts'

/** oclif derives names of environment variables from the bin; `PERF_*` belongs to Linux perf. */
class QuietConfig extends Config {
  override scopedEnvVarKey(key: string): string {
    return `RIDGEPOINT_${key.toUpperCase()}`
  }

  override scopedEnvVarKeys(key: string): string[] {
    return [this.scopedEnvVarKey(key)]
  }
}

/** A reader that goes away (`perf … | head`) is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit()
      throw error
    })
  }
}

/** Ctrl-C, and a terminal that closes: the exit code of the contract, in text and in JSON, and nothing half-written (temporary files go on exit). */
function exitOnInterrupt(argv: readonly string[]): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      void report(new AnalysisError('interrupted', 'interrupted'), argv).finally(() =>
        process.exit(exitCodes.interrupted),
      )
    })
  }
}

/** The command that the words mean, and what is left: `machine show x` is `machine:show` with `x`. */
function split(config: Config, argv: readonly string[]): {id: string; rest: string[]} {
  const [first = '', second] = argv
  const joined = second === undefined ? undefined : `${first}:${second}`
  return joined !== undefined && config.findCommand(joined)
    ? {id: joined, rest: argv.slice(2)}
    : {id: first, rest: argv.slice(1)}
}

async function unknownCommand(config: Config, argv: readonly string[]): Promise<never> {
  const {nearest} = await import('../../analysis/catalog.ts')
  const [first = '', second] = argv
  const spoken = config.commandIDs.map((id) => id.replaceAll(':', ' '))
  const under = spoken.filter((id) => id.startsWith(`${first} `))
  if (under.length > 0) {
    const names = under.map((id) => id.slice(first.length + 1))
    const word = second === undefined || second.startsWith('-') ? undefined : second
    throw new AnalysisError(
      'unknown-command',
      word === undefined
        ? `perf ${first} needs one of ${names.join(', ')}`
        : `perf ${first} has no command ${quoted(word)}`,
      [
        ...(word === undefined ? [] : nearest(word, names).map((name) => `did you mean perf ${first} ${name}?`)),
        ...under.map((id) => `perf ${id}`),
      ],
    )
  }
  throw new AnalysisError('unknown-command', `${quoted(first)} is not a command`, [
    ...nearest(first, [...new Set(spoken.map((id) => id.split(' ')[0]!))]).map((id) => `did you mean perf ${id}?`),
    '`perf --help` shows all commands',
  ])
}

/** `--version --json`: what the line of text says, part by part. */
function versionJson({version, platform, arch}: Config): string {
  const values = {version, platform, arch, node: process.versions.node}
  const items = Object.entries(values).map(([name, value]) => ({name, value, source: 'this installation'}))
  return listJson({kind: 'settings', items})
}

/** What asks for help in JSON, wherever it stands. */
const asking = ['--help', '-h', '--json']

/**
 * `--help --json`: the commands that the words before the first flag mean, all where there are none, with arguments and flags.
 * @throws AnalysisError `unknown-command`
 */
async function helpJson(config: Config, words: readonly string[]): Promise<string> {
  const given = words.filter((word) => !asking.includes(word))
  const flag = given.findIndex((word) => word.startsWith('-'))
  const asked = given.slice(0, Math.min(2, flag < 0 ? 2 : flag))
  const under = (id: string) => asked.every((word, i) => id.split(':')[i] === word)
  // a command's own arguments stand behind its name
  const exact =
    config.commands.find(({id}) => id === asked.join(':')) ?? config.commands.find(({id}) => id === asked[0])
  const found = exact ? [exact] : config.commands.filter(({id}) => under(id))
  if (found.length === 0) return unknownCommand(config, asked)
  const items = found
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({id, summary, args, flags}) => ({
      id: id.replaceAll(':', ' '),
      summary: summary ?? '',
      arguments: Object.values(args).map(({name, description, required}) => ({
        name,
        summary: description ?? '',
        required: required === true,
      })),
      flags: Object.values(flags).map((flag) => ({
        name: flag.name,
        summary: flag.summary ?? flag.description ?? '',
        value: flag.type === 'option' ? (flag.options?.join('|') ?? flag.helpValue?.toString() ?? 'VALUE') : null,
        required: flag.required === true,
      })),
    }))
  return listJson({kind: 'commands', items})
}

const listJson = (result: SettingsList | CommandList): string => documentJson('list@1', result, [])

async function help(config: Config, argv: readonly string[]): Promise<void> {
  const {PerfHelp} = await import('./help.ts')
  await new PerfHelp(config).showHelp([...argv])
}

const asksForHelp = (argv: readonly string[]): boolean => {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

/** @throws AnalysisError `unknown-command` for words before the first flag that are neither a command nor what several begin with */
async function refuseUnknown(config: Config, words: readonly string[]): Promise<void> {
  const flag = words.findIndex((word) => word.startsWith('-'))
  const asked = words.slice(0, flag < 0 ? undefined : flag)
  const [first] = asked
  if (first === undefined || config.findCommand(split(config, asked).id)) return
  if (asked.length > 1 || !config.commandIDs.some((id) => id.startsWith(`${first}:`)))
    await unknownCommand(config, asked)
}

async function dispatch(config: Config, argv: readonly string[]): Promise<void> {
  const first = argv[0]
  if (first === '--version' || first === '-v') {
    writeAnswer(wantsJson(argv) ? versionJson(config) : `${config.userAgent}\n`)
    return
  }
  const words = first === 'help' ? argv.slice(1) : argv
  const asksHelp = words.every((word) => word === '--json') || first === 'help' || asksForHelp(words)
  if (asksHelp && wantsJson(argv)) return writeAnswer(await helpJson(config, words))
  if (asksHelp) await refuseUnknown(config, words)
  if (asksHelp)
    return help(
      config,
      words.filter((w) => w !== '--help' && w !== '-h'),
    )
  const {id, rest} = split(config, words)
  const command = config.findCommand(id)
  if (!command) return unknownCommand(config, words)
  await config.runCommand(id, rest, command)
}

/**
 * Runs one command line in this process: prints, and sets the exit code.
 * @param root folder of package.json and oclif.manifest.json
 */
export async function runCommandLine(
  argv: readonly string[],
  root: string,
  pjson: PackageJson,
  load?: LoadCommand,
): Promise<void> {
  try {
    const plugins = new Map([[pjson.name, manifestPlugin(root, pjson, load)]])
    const config = new QuietConfig({root, plugins})
    await config.load()
    await dispatch(config, argv)
  } catch (error) {
    await report(error, argv)
  }
}

/** The program: a command line, and the signals and pipes of a process of its own. */
export async function main(argv: readonly string[], root: string, pjson: PackageJson): Promise<void> {
  ignoreClosedPipes()
  exitOnInterrupt(argv)
  await runCommandLine(argv, root, pjson)
}
