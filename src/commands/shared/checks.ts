/** What `perf doctor` looks at: one function a check, in the order they are printed. */
import {accessSync, constants, existsSync, readFileSync, realpathSync} from 'node:fs'
import {cpus} from 'node:os'
import {delimiter, dirname, join} from 'node:path'
import type {Checkup} from '../../analysis/document/doctor.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import {format, formatCapacity} from '../../analysis/units.ts'
import {readIdentity} from '../../kernels/identity.ts'
import {loadNative, type NativeAddon} from '../../kernels/native.ts'
import {packageRoot} from '../../kernels/package-root.ts'
import {loadProfile, profilePath} from '../../kernels/profile.ts'
import {userFolder} from './settings.ts'

type Found = Omit<Checkup, 'id'>

const ok = (found: string): Found => ({verdict: 'ok', found, fix: null})
const warn = (found: string, fix: string): Found => ({verdict: 'warn', found, fix})
const fail = (found: string, fix: string): Found => ({verdict: 'fail', found, fix})

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** A version that is at least `major.minor`. */
function atLeast(version: string, major: number, minor: number): boolean {
  const [have = 0, haveMinor = 0] = version.replace(/^v/, '').split('.').map(Number)
  return have > major || (have === major && haveMinor >= minor)
}

function node(): Found {
  const {version} = process
  return atLeast(version, 20, 19) ? ok(version) : fail(version, 'install Node.js 20.19 or newer')
}

/** Linux has a profiler of the same name: people should know which one answers. */
function perfOnPath(): Found {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const first = folders.map((folder) => join(folder, 'perf')).find(existsSync)
  if (first === undefined) return ok('no perf on PATH; npx perf and npx ridgepoint run this one')
  let target = first
  try {
    target = realpathSync(first)
  } catch {
    // a link to nothing is shown as it is
  }
  if (target.startsWith(realpathSync(packageRoot().path))) return ok(`${first} is this program`)
  const script = read(first)?.slice(0, 2000) ?? ''
  return script.includes('ridgepoint')
    ? ok(`${first} is this program`)
    : warn(`${first} is another program`, 'call this one ridgepoint, or npx perf')
}

function addonCheck(addon: NativeAddon | AnalysisError): Found {
  return addon instanceof AnalysisError
    ? warn(addon.message, addon.suggestions[0] ?? 'npm run build:native')
    : ok(`native addon, interface ${addon.apiVersion}`)
}

function isa(addon: NativeAddon | AnalysisError): Found {
  if (addon instanceof AnalysisError)
    return warn('not known without the addon', addon.suggestions[0] ?? 'npm run build:native')
  const names = addon.cpu().isas.map(({name}) => name)
  return ok(`${names.at(-1)} is used; ${names.join(', ')} can be asked for with --isa`)
}

function affinity(addon: NativeAddon | AnalysisError): Found {
  const all = cpus().length
  const usable = addon instanceof AnalysisError ? readIdentity().cores : addon.cpu().allowed
  return usable >= all
    ? ok(`all ${all} CPUs may be used`)
    : warn(`${usable} of ${all} CPUs may be used`, 'start without taskset or a CPU limit to measure the whole machine')
}

function caches(): Found {
  const found = readIdentity().caches
  return found.length > 0
    ? ok(found.map(({level, claimed}) => `${level} ${formatCapacity(claimed)}`).join(', '))
    : warn('this system does not describe its caches', 'sizes are found by measuring: perf measure')
}

function governor(): Found {
  const policy = read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor')
  if (policy === undefined) return ok('not visible here (usual in virtual machines and containers)')
  return policy === 'performance'
    ? ok(policy)
    : warn(policy, 'cpupower frequency-set -g performance makes measurements steadier')
}

function turbo(): Found {
  const off = read('/sys/devices/system/cpu/intel_pstate/no_turbo')
  const boost = read('/sys/devices/system/cpu/cpufreq/boost')
  if (off === undefined && boost === undefined) return ok('not visible here')
  return ok(off === '1' || boost === '0' ? 'off: peaks are those of the base clock' : 'on')
}

/** The smallest step of the clock that measurements read, s. */
function timer(): Found {
  let step = Number.POSITIVE_INFINITY
  for (let i = 0; i < 1000; i++) {
    const start = process.hrtime.bigint()
    let now = start
    while (now === start) now = process.hrtime.bigint()
    step = Math.min(step, Number(now - start) / 1e9)
  }
  // a quick repetition takes 1.5 ms: 1 µs is 0.07 % of it
  return step <= 1e-6
    ? ok(`resolves ${format(step, 's')}`)
    : warn(`resolves ${format(step, 's')}`, 'another clocksource (tsc) makes measurements finer')
}

function hugePages(): Found {
  const setting = read('/sys/kernel/mm/transparent_hugepage/enabled')
  if (setting === undefined) return ok('not a Linux setting here')
  const chosen = /\[(\w+)\]/.exec(setting)?.[1] ?? setting
  return chosen === 'never'
    ? warn(
        'transparent huge pages: never',
        'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (as root): bandwidth is measured too low without',
      )
    : ok(`transparent huge pages: ${chosen}`)
}

/** Whether a folder, or the nearest one above it that exists, may be written to. */
function writable(folder: string, variable: string): Found {
  let existing = folder
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  try {
    accessSync(existing, constants.W_OK)
    return ok(folder)
  } catch {
    return fail(`${folder} cannot be written`, `make ${existing} writable, or set ${variable} to another folder`)
  }
}

function profile(): Found {
  const {machine, path, warnings} = loadProfile()
  if (machine)
    return ok(`${machine.profile ?? ''} profile of ${machine.identity.date?.slice(0, 10) ?? 'unknown date'}, ${path}`)
  return warn(warnings[0]?.message ?? 'this machine was not measured yet', 'perf measure')
}

/** Runs every check; one that breaks is reported as failed and does not stop the others. */
export function checkUp(): Checkup[] {
  let addon: NativeAddon | AnalysisError
  try {
    addon = loadNative()
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error
    addon = error
  }
  const cacheFolder = dirname(profilePath('any'))
  const checks: Record<string, () => Found> = {
    node,
    perf: perfOnPath,
    cpu: () => ok(readIdentity().cpu),
    addon: () => addonCheck(addon),
    isa: () => isa(addon),
    caches,
    affinity: () => affinity(addon),
    governor,
    turbo,
    timer,
    'huge-pages': hugePages,
    'cache-folder': () => writable(cacheFolder, 'XDG_CACHE_HOME'),
    'config-folder': () => writable(userFolder(), 'XDG_CONFIG_HOME'),
    profile,
  }
  return Object.entries(checks).map(([id, check]) => {
    try {
      return {id, ...check()}
    } catch (error) {
      return {id, ...fail(error instanceof Error ? error.message : String(error), 'please report this')}
    }
  })
}
