/** What this machine says of itself, read from Node and the operating system without the native addon: cheap at every start. */
import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {closeSync, openSync, readdirSync, readFileSync, readSync} from 'node:fs'
import {availableParallelism, cpus, freemem, release, type as systemType, totalmem} from 'node:os'
import {packageRoot} from './package-root.ts'

/** One cache as the system describes it: bytes, and how many of the CPUs share it. */
export interface ClaimedCache {
  level: 'L1' | 'L2' | 'L3'
  claimed: number
  sharedBy: number
}

export interface LocalIdentity {
  cpu: string
  /** instruction-set features that matter to measuring, by the operating system's names */
  isa: string[]
  caches: ClaimedCache[]
  /** CPUs this process may use: affinity mask and cgroup quota */
  cores: number
  /** bytes this process may use: installed memory or the cgroup's limit */
  memory: number
  os: string
  arch: string
  node: string
  tool: string
  /** stable for as long as a measurement of this machine stays valid; names its profile file */
  key: string
}

const notable = new Set(
  (
    'sse2 sse4_2 avx avx2 fma f16c avx_vnni avx512f avx512dq avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 ' +
    'amx_tile amx_int8 amx_bf16 asimd fphp asimdhp asimddp bf16 i8mm sve sve2 svebf16 sme'
  ).split(' '),
)

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** The first processor's block of /proc/cpuinfo: on a machine with hundreds of them the whole file costs milliseconds. */
function firstProcessor(): Map<string, string> {
  const fields = new Map<string, string>()
  try {
    const file = openSync('/proc/cpuinfo', 'r')
    const buffer = Buffer.alloc(8192)
    const length = readSync(file, buffer, 0, buffer.length, 0)
    closeSync(file)
    for (const line of buffer.toString('utf8', 0, length).split('\n')) {
      const colon = line.indexOf(':')
      if (colon < 0) {
        if (fields.size > 0) break
        continue
      }
      fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim())
    }
  } catch {
    // not Linux, or /proc is not mounted
  }
  return fields
}

/** Counts the CPUs of a list such as `0-3,8`. */
export function countCpuList(list: string): number {
  let count = 0
  for (const part of list.split(',')) {
    const [from, to] = part.split('-').map(Number)
    if (Number.isInteger(from)) count += Number.isInteger(to) ? to! - from! + 1 : 1
  }
  return count
}

/** Bytes of a size such as `32K` or `36608K`, as sysfs writes them. */
export function parseCacheSize(text: string): number | undefined {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  return match
    ? Number(match[1]) * {'': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30}[match[2] as '' | 'K' | 'M' | 'G']
    : undefined
}

/** Data and unified caches of one CPU, from a folder in the shape of /sys/devices/system/cpu/cpu0/cache. */
export function cachesFromSysfs(folder: string): ClaimedCache[] {
  let entries: string[]
  try {
    entries = readdirSync(folder).filter((name) => name.startsWith('index'))
  } catch {
    return []
  }
  const caches: ClaimedCache[] = []
  for (const entry of entries.sort()) {
    const level = read(`${folder}/${entry}/level`)
    const claimed = parseCacheSize(read(`${folder}/${entry}/size`) ?? '')
    if (read(`${folder}/${entry}/type`) === 'Instruction' || !claimed) continue
    if (level !== '1' && level !== '2' && level !== '3') continue
    const sharedBy = countCpuList(read(`${folder}/${entry}/shared_cpu_list`) ?? '')
    caches.push({level: `L${level}`, claimed, sharedBy: Math.max(1, sharedBy)})
  }
  return caches.sort((a, b) => a.level.localeCompare(b.level))
}

/** Caches of the performance cores of a Mac. */
function cachesFromSysctl(): ClaimedCache[] {
  try {
    const names = ['hw.perflevel0.l1dcachesize', 'hw.perflevel0.l2cachesize', 'hw.perflevel0.cpusperl2']
    const [l1, l2, sharing] = execFileSync('sysctl', ['-n', ...names], {encoding: 'utf8'})
      .split('\n')
      .map(Number)
    if (!l1 || !l2) return []
    return [
      {level: 'L1', claimed: l1, sharedBy: 1},
      {level: 'L2', claimed: l2, sharedBy: sharing || 1},
    ]
  } catch {
    return []
  }
}

/** CPUs' worth of time that a cgroup grants: the content of cpu.max (`max 100000`, `150000 100000`); `undefined` is no limit. */
export function parseCpuMax(text: string): number | undefined {
  const [quota, period] = text.split(/\s+/).map(Number)
  return quota && period && quota > 0 ? quota / period : undefined
}

/** A group's folder and those around it, innermost first: a limit of any of them holds. */
function around(path: string): string[] {
  const names = path.split('/').filter(Boolean)
  return Array.from({length: names.length + 1}, (_, i) => ['', ...names.slice(0, names.length - i)].join('/'))
}

/**
 * CPUs' worth of time that the cgroups around this process grant, of either version; `undefined` is no limit.
 * @param groups content of /proc/self/cgroup
 * @param content a file's content, `undefined` where it is not there
 */
export function grantedCpus(groups: string, content: (path: string) => string | undefined): number | undefined {
  const unified = around(/^0::(\/.*)$/m.exec(groups)?.[1] ?? '/').map((folder) => `/sys/fs/cgroup${folder}/cpu.max`)
  const legacy = around(/^\d+:(?:[^:\n]*,)?cpu(?:,[^:\n]*)?:(\/.*)$/m.exec(groups)?.[1] ?? '/')
  const limits = [
    ...unified.map((path) => content(path) ?? ''),
    ...legacy.map((folder) => {
      const [quota, period] = ['quota', 'period'].map((name) =>
        content(`/sys/fs/cgroup/cpu${folder}/cpu.cfs_${name}_us`),
      )
      return `${quota} ${period}`
    }),
  ].flatMap((text) => parseCpuMax(text) ?? [])
  return limits.length > 0 ? Math.min(...limits) : undefined
}

/** CPUs that a process may run on. @param status content of /proc/self/status */
export function allowedCpus(status: string): number | undefined {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
  return list === undefined ? undefined : countCpuList(list)
}

/**
 * CPUs that this process may run on, quotas of time aside. Not availableParallelism() where the system says it itself: from libuv 1.49 on that
 * takes quotas off as well, and under cgroups of version 1 the shares, so that 16 granted CPUs are one (libuv issue 4740).
 */
const usableCpus = (): number =>
  (process.platform === 'linux' ? allowedCpus(read('/proc/self/status') ?? '') : undefined) || availableParallelism()

/** CPUs' worth of time that this process may take, where that is less than all the time of the CPUs it may run on. */
export function cpuQuota(): number | undefined {
  const granted = process.platform === 'linux' ? grantedCpus(read('/proc/self/cgroup') ?? '', read) : undefined
  return granted !== undefined && granted < usableCpus() ? granted : undefined
}

/** Bytes this process may use; a cgroup limit of 0 or above the machine's memory means that there is none. */
export function usableMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0
  const total = totalmem()
  return limit > 0 && limit < total ? limit : total
}

/** Bytes that this process may still take: what is free, in the machine and under the cgroup's limit. */
export function freeMemory(): number {
  return Math.min(freemem(), usableMemory(), process.availableMemory())
}

/** A CPU's name: its own, or the numbers that its maker gave it, or that it is unknown. No name is refused: features decide. */
export function cpuName(fields: ReadonlyMap<string, string>, fallback: string | undefined, arch: string) {
  const model = ['vendor_id', 'cpu family', 'model', 'stepping', 'CPU implementer', 'CPU part', 'CPU variant']
  const numbers = model.flatMap((field) => fields.get(field) ?? []).join('/')
  const brand = fields.get('model name') ?? fallback ?? ''
  return {cpu: brand && brand !== 'unknown' ? brand : numbers || `unknown ${arch}`, numbers}
}

/** The part of an identity that decides whether a saved profile describes this machine. */
export function identityKey(
  identity: Pick<LocalIdentity, 'cpu' | 'isa' | 'caches' | 'cores' | 'arch'> & {system: string},
): string {
  const {cpu, isa, caches, cores, arch, system} = identity
  return createHash('sha256')
    .update(JSON.stringify([cpu, isa, caches, cores, arch, system]))
    .digest('hex')
    .slice(0, 16)
}

/** This machine, now. */
export function readIdentity(): LocalIdentity {
  const first = firstProcessor()
  const {cpu, numbers} = cpuName(first, cpus()[0]?.model, process.arch)
  const features = (first.get('flags') ?? first.get('Features') ?? '').split(/\s+/)
  const isa = features.filter((feature) => notable.has(feature)).sort()
  const caches =
    process.platform === 'darwin' ? cachesFromSysctl() : cachesFromSysfs('/sys/devices/system/cpu/cpu0/cache')
  const cores = Math.max(1, Math.floor(cpuQuota() ?? usableCpus()))
  const arch = process.arch
  return {
    cpu,
    isa,
    caches,
    cores,
    memory: usableMemory(),
    os: `${systemType()} ${release()}`,
    arch,
    node: process.version,
    tool: packageRoot().version,
    key: identityKey({cpu: `${cpu} ${numbers}`, isa, caches, cores, arch, system: process.platform}),
  }
}
