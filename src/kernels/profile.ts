/**
 * The measured machine on disk: `$XDG_CACHE_HOME/ridgepoint/machines/<key>.json`.
 * Reading happens at every start, so it checks by hand what it relies on and loads no schema library. Nothing here throws for a file
 * that is broken, foreign or not writable: the answer carries a warning, and the caller measures again or goes on unsaved.
 */
import {existsSync, readFileSync} from 'node:fs'
import {homedir} from 'node:os'
import {dirname, isAbsolute, join} from 'node:path'
import type {Machine} from '../analysis/document/machine.ts'
import type {Warning} from '../analysis/errors.ts'
import {systemReason} from '../analysis/system-reason.ts'
import {type LocalIdentity, readIdentity} from './identity.ts'

/** Raised when profiles measured before must not be compared with those measured now. */
const profileVersion = 4

interface ProfileFile {
  schema: string
  version: number
  key: string
  saved: string
  machine: Machine
}

export interface LoadedProfile {
  /** the machine, where a usable profile was found */
  machine?: Machine
  path: string
  /** a file is there, usable or not */
  present: boolean
  warnings: Warning[]
}

export interface SavedProfile {
  saved: boolean
  path: string
  warnings: Warning[]
}

/** The profile's path for an identity key. A relative XDG_CACHE_HOME is ignored, as the XDG base directory specification says. */
export function profilePath(key: string, env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'ridgepoint', 'machines', `${key}.json`)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function usableCeiling(value: unknown): boolean {
  if (!isObject(value)) return false
  const {id, kind, unit, value: rate} = value
  return [id, kind, unit].every((text) => typeof text === 'string') && Number.isFinite(rate) && (rate as number) > 0
}

/** What makes a parsed profile unusable, or `undefined`. */
function flaw(file: unknown, key: string): string | undefined {
  if (!isObject(file) || file.schema !== 'ridgepoint/profile@1') return 'is not a profile'
  if (typeof file.version !== 'number') return 'is not a profile'
  if (file.version !== profileVersion) return `was measured by another version (${file.version}, now ${profileVersion})`
  if (file.key !== key) return 'describes another machine'
  const machine = file.machine
  if (!isObject(machine) || machine.id !== 'local' || typeof machine.name !== 'string') return 'holds no machine'
  if (!Array.isArray(machine.ceilings) || machine.ceilings.length === 0 || !machine.ceilings.every(usableCeiling))
    return 'holds no usable ceilings'
  return undefined
}

/** Loads this machine's profile. Its memory is today's, since a limit may have changed since it was measured. */
export function loadProfile(
  identity: LocalIdentity = readIdentity(),
  env: NodeJS.ProcessEnv = process.env,
): LoadedProfile {
  const path = profilePath(identity.key, env)
  const rejected = (reason: string): LoadedProfile => ({
    path,
    present: true,
    warnings: [
      {
        code: 'profile-rejected',
        message: `The saved profile ${path} ${reason}; it is not used. \`perf measure\` makes a new one.`,
      },
    ],
  })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return {path, present: false, warnings: []}
    return rejected(`cannot be read: ${systemReason(error)}`)
  }
  if (text.trim() === '') return rejected('is empty')
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return rejected('is truncated or not JSON')
  }
  const reason = flaw(file, identity.key)
  if (reason) return rejected(reason)
  const {machine} = file as ProfileFile
  return {
    path,
    present: true,
    machine: {...machine, memory: {...machine.memory, capacity: identity.memory}},
    warnings: [],
  }
}

/**
 * Saves a measured machine, whole or not at all. A quick measurement does not replace a full one; an unusable file that would be
 * replaced is kept beside it as `.bak`.
 */
export async function saveProfile(
  machine: Machine,
  identity: LocalIdentity = readIdentity(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<SavedProfile> {
  const existing = loadProfile(identity, env)
  const {path} = existing
  if (machine.profile !== 'full' && existing.machine?.profile === 'full')
    return {
      saved: false,
      path,
      warnings: [{code: 'profile-kept', message: `${path} holds a full measurement; a quick one does not replace it.`}],
    }
  const file: ProfileFile = {
    schema: 'ridgepoint/profile@1',
    version: profileVersion,
    key: identity.key,
    saved: new Date().toISOString(),
    machine,
  }
  const warnings: Warning[] = []
  try {
    const [{copyFile}, {makeFolder, replaceFile}] = await Promise.all([
      import('node:fs/promises'),
      import('./whole-file.ts'),
    ])
    await makeFolder(dirname(path))
    if (existing.present && !existing.machine && existsSync(path)) {
      await copyFile(path, `${path}.bak`)
      warnings.push({code: 'profile-replaced', message: `The unusable profile was kept as ${path}.bak.`})
    }
    await replaceFile(path, `${JSON.stringify(file)}\n`)
    return {saved: true, path, warnings}
  } catch (error) {
    warnings.push({
      code: 'profile-not-saved',
      message: `The measurement could not be saved to ${path}: ${systemReason(error)}. Nothing there was changed; XDG_CACHE_HOME chooses another folder, and \`perf measure --json > FILE\` keeps one for --machine FILE.`,
    })
    return {saved: false, path, warnings}
  }
}
