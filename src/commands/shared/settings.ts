/** Values from outside the command line: environment, then project file, then user file. */
import {readFileSync} from 'node:fs'
import {homedir} from 'node:os'
import {dirname, isAbsolute, join} from 'node:path'
import {AnalysisError, quoted} from '../../analysis/errors.ts'
import {parseJson} from '../../analysis/importers/json.ts'
import {systemReason} from '../../analysis/system-reason.ts'

/** A flag's value as text, and who said so. */
export interface Setting {
  readonly value: string
  readonly source: string
}

/** Nothing on the command line can be set from outside that chooses where or whether output goes. */
const notSettings = new Set(['json', 'csv', 'markdown', 'output', 'report', 'show-config', 'quiet', 'no-color', 'help'])

/** `--kv-dtype` is `RIDGEPOINT_KV_DTYPE`. */
const environmentName = (flag: string): string => `RIDGEPOINT_${flag.toUpperCase().replaceAll('-', '_')}`

/** The user's file: `$XDG_CONFIG_HOME/ridgepoint/config.json`; a relative XDG_CONFIG_HOME is ignored, as its specification says. */
export function userFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CONFIG_HOME
  return join(base && isAbsolute(base) ? base : join(homedir(), '.config'), 'ridgepoint')
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new AnalysisError('unreachable', `${path} cannot be read: ${systemReason(error)}`, [
      'make it readable or remove it',
    ])
  }
}

/** `ridgepoint.json` in this folder or the nearest one above it. */
function projectFile(): {path: string; text: string} | undefined {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const path = join(folder, 'ridgepoint.json')
    const text = readIfThere(path)
    if (text !== undefined) return {path, text}
    if (dirname(folder) === folder) return undefined
  }
}

function parseFile(path: string, text: string): Record<string, unknown> {
  const example = ['write for example {"machine": "h100-sxm"}']
  const parsed = parseJson(text, (wrong) => new AnalysisError('bad-json', `${path} is not JSON: ${wrong}`, example))
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new AnalysisError('bad-config', `${path} is not an object`, example)
  return parsed as Record<string, unknown>
}

function valueText(value: unknown, path: string, key: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new AnalysisError('bad-config', `${path}: ${key} is neither a text, a number nor true or false`, [
    'write for example {"machine": "h100-sxm", "batch": 8}',
  ])
}

/**
 * Settings for the flags of one command; the strongest source wins.
 * @param flags names that this command takes
 * @param known names that any command takes: a file may set them, another name is a mistake
 * @throws AnalysisError `bad-config`, `bad-json`, `unreachable` naming the file and the key
 */
export async function loadSettings(flags: readonly string[], known: readonly string[]): Promise<Map<string, Setting>> {
  const wanted = flags.filter((flag) => !notSettings.has(flag))
  const settings = new Map<string, Setting>()
  for (const flag of wanted) {
    const value = process.env[environmentName(flag)]
    if (value !== undefined && value !== '') settings.set(flag, {value, source: `environment ${environmentName(flag)}`})
  }
  const user = join(userFolder(), 'config.json')
  const userText = readIfThere(user)
  const files = [projectFile(), ...(userText === undefined ? [] : [{path: user, text: userText}])]
  for (const file of files) {
    if (!file) continue
    for (const [key, value] of Object.entries(parseFile(file.path, file.text))) {
      if (notSettings.has(key) || !known.includes(key)) await unknownKey(file.path, key, known)
      const text = valueText(value, file.path, key)
      if (wanted.includes(key) && !settings.has(key)) settings.set(key, {value: text, source: file.path})
    }
  }
  return settings
}

async function unknownKey(path: string, key: string, known: readonly string[]): Promise<never> {
  const {nearest} = await import('../../analysis/catalog.ts')
  const allowed = known.filter((name) => !notSettings.has(name))
  throw new AnalysisError('bad-config', `${path}: ${quoted(key)} is not a setting`, [
    ...nearest(key, allowed).map((name) => `did you mean "${name}"?`),
    `settings: ${allowed.join(', ')}`,
  ])
}
