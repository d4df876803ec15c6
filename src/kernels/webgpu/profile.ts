/** The GPU's profile on disk, beside the processor's: `machines/gpu-<key>.json` in the same folder. */
import {createHash} from 'node:crypto'
import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import type {Machine} from '../../analysis/document/machine.ts'
import type {Warning} from '../../analysis/errors.ts'
import {systemReason} from '../../analysis/system-reason.ts'
import {profilePath} from '../profile.ts'

/** Raised when profiles measured before must not be compared with those measured now. */
const version = 1

interface GpuProfileFile {
  schema: string
  version: number
  saved: string
  machine: Machine
}

/** A file for each adapter, by its name: another GPU or another driver is another profile. */
export const gpuProfilePath = (name: string, env: NodeJS.ProcessEnv = process.env): string =>
  profilePath(`gpu-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`, env)

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function parse(text: string): GpuProfileFile | undefined {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(file) || file.schema !== 'ridgepoint/gpu-profile@1' || file.version !== version) return undefined
  const {machine} = file
  const usable =
    isObject(machine) &&
    machine.id === 'local-gpu' &&
    typeof machine.name === 'string' &&
    Array.isArray(machine.ceilings) &&
    machine.ceilings.length > 0 &&
    machine.ceilings.every((c: unknown) => isObject(c) && typeof c.id === 'string' && Number.isFinite(c.value))
  return usable ? (file as object as GpuProfileFile) : undefined
}

function readProfile(path: string): GpuProfileFile | undefined {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** The profile of an adapter by its name, or the one that was saved last; a broken file counts as none. */
export function loadGpuProfile(name?: string, env: NodeJS.ProcessEnv = process.env): Machine | undefined {
  if (name !== undefined) return readProfile(gpuProfilePath(name, env))?.machine
  const folder = dirname(profilePath('any', env))
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return undefined
  }
  const files = names
    .filter((file) => /^gpu-[0-9a-f]{16}\.json$/.test(file))
    .flatMap((file) => readProfile(join(folder, file)) ?? [])
  return files.sort((a, b) => b.saved.localeCompare(a.saved))[0]?.machine
}

/** Saves a measured GPU, whole or not at all; a quick measurement does not replace a full one. */
export async function saveGpuProfile(
  machine: Machine,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{saved: boolean; path: string; warnings: Warning[]}> {
  const path = gpuProfilePath(machine.name, env)
  if (machine.profile !== 'full' && loadGpuProfile(machine.name, env)?.profile === 'full')
    return {
      saved: false,
      path,
      warnings: [{code: 'profile-kept', message: `${path} holds a full measurement; a quick one does not replace it.`}],
    }
  const file: GpuProfileFile = {schema: 'ridgepoint/gpu-profile@1', version, saved: new Date().toISOString(), machine}
  try {
    const {makeFolder, replaceFile} = await import('../whole-file.ts')
    await makeFolder(dirname(path))
    await replaceFile(path, `${JSON.stringify(file)}\n`)
    return {saved: true, path, warnings: []}
  } catch (error) {
    return {
      saved: false,
      path,
      warnings: [
        {
          code: 'profile-not-saved',
          message: `The measurement could not be saved to ${path}: ${systemReason(error)}. XDG_CACHE_HOME chooses another folder.`,
        },
      ],
    }
  }
}
