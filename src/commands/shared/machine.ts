/** What `--machine` means: ids, files, the machines a user added, and this machine's measured profile. */
import {existsSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../../analysis/errors.ts'
import {parseMachine} from '../../analysis/importers/machine-file.ts'
import {machines} from '../../analysis/machines/index.ts'
import {readFileText} from './model.ts'
import {userFolder} from './settings.ts'

/** What resolving may say and show while it works. */
export interface MachineHost {
  remark(warning: Warning): void
  say(line: string): void
  readonly showsProgress: boolean
}

/** what stands in where nothing can be measured */
const standIn = 'h100-sxm'

const isFile = (text: string): boolean => /[/\\]|\.json$/.test(text)

/** Where `perf machine add` keeps machines. */
export const addedFolder = (): string => join(userFolder(), 'machines')

/** The machine that a user added under this id. */
function addedMachine(id: string): Machine | undefined {
  const path = join(addedFolder(), `${id}.json`)
  return /^[a-z0-9][a-z0-9._-]*$/.test(id) && existsSync(path)
    ? parseMachine(readFileText(path, 'a machine file'), path)
    : undefined
}

/** Every machine that a user added; a broken file is a remark, not an end. */
export function addedMachines(host: Pick<MachineHost, 'remark'>): Machine[] {
  const folder = addedFolder()
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      try {
        return [parseMachine(readFileText(path, 'a machine file'), path)]
      } catch (error) {
        if (!(error instanceof AnalysisError)) throw error
        host.remark({code: 'machine-skipped', message: error.message})
        return []
      }
    })
}

/**
 * This machine: its saved profile, or a quick measurement that is saved, or without the addon a datasheet machine with the
 * warning `no-addon`.
 */
export async function localMachine(host: MachineHost): Promise<Machine> {
  const {loadProfile} = await import('../../kernels/profile.ts')
  const {warnings, machine} = loadProfile()
  if (machine) {
    for (const warning of warnings) host.remark(warning)
    return machine
  }
  const {loadNative} = await import('../../kernels/native.ts')
  try {
    loadNative()
  } catch (error) {
    if (!(error instanceof AnalysisError) || error.code !== 'no-addon') throw error
    host.remark({
      code: 'no-addon',
      message: `this machine cannot be measured (${error.message}), so ${standIn} stands in; ${error.suggestions[0] ?? ''}`,
    })
    return machines[standIn]
  }
  for (const warning of warnings) host.remark(warning)
  host.say(
    `${warnings.length > 0 ? '' : 'no profile of this machine yet: '}measuring this machine quickly, once (about 3 s)`,
  )
  const {measureAndSave} = await import('./measuring.ts')
  return (await measureAndSave({quick: true}, host)).machine
}

/**
 * One machine.
 * @throws AnalysisError `unknown-machine`, `unreachable`, `bad-machine`, `no-profile`
 */
async function findOne(asked: string, host: MachineHost): Promise<Machine> {
  if (asked === 'local') return localMachine(host)
  if (asked === 'local-gpu') return (await import('./gpu.ts')).lastGpu()
  const known: Readonly<Record<string, Machine>> = machines
  if (Object.hasOwn(known, asked)) return known[asked]!
  if (isFile(asked)) return parseMachine(readFileText(asked, 'a machine file'), asked)
  const added = addedMachine(asked)
  if (added) return added
  const catalog = await import('../../analysis/catalog.ts')
  return catalog.findMachine(asked)
}

/** Rent and power that replace the machine's own. */
export interface MachineOverrides {
  readonly price?: number | undefined
  readonly power?: number | undefined
}

function override(machine: Machine, {price, power}: MachineOverrides): Machine {
  for (const [flag, value] of [
    ['--price', price],
    ['--power', power],
  ] as const) {
    if (value !== undefined && !(value > 0))
      throw new AnalysisError('bad-flag', `${flag} ${value} is not greater than 0`, [
        `leave ${flag} out, or give its value`,
      ])
  }
  const currency = machine.price?.currency ?? 'USD'
  return {
    ...machine,
    ...(price === undefined ? {} : {price: {perHour: price, currency, source: '--price'}}),
    ...(power === undefined ? {} : {power: {watts: power, source: '--power'}}),
  }
}

/**
 * Resolves `--machine a,b,c`, in that order, each once.
 * @throws AnalysisError as for one machine; `bad-flag` for an empty list
 */
export async function findMachines(
  asked: string,
  host: MachineHost,
  overrides: MachineOverrides = {},
): Promise<readonly [Machine, ...Machine[]]> {
  const names = [...new Set(asked.split(',').map((name) => name.trim()))]
  if (names.includes(''))
    throw new AnalysisError('bad-flag', `--machine "${asked}" has an empty name`, [
      'for example --machine h100-sxm,mi300x',
    ])
  const found: Machine[] = []
  for (const name of names) found.push(override(await findOne(name, host), overrides))
  return found as [Machine, ...Machine[]]
}

/**
 * The one machine of a command that ranks none.
 * @throws AnalysisError as `findMachines`; `bad-flag` where several are named
 */
export async function findMachine(
  asked: string,
  host: MachineHost,
  overrides: MachineOverrides = {},
): Promise<Machine> {
  const several = asked.split(',').length
  if (several > 1)
    throw new AnalysisError('bad-flag', `--machine "${asked}" names ${several} machines, and this takes one`, [
      `\`perf analyze MODEL --machine ${asked}\` ranks several`,
    ])
  return (await findMachines(asked, host, overrides))[0]
}
