/** Opens a measuring session with as much memory as is to be had in time, and says what was not. */
import {AnalysisError, type Warning} from '../analysis/errors.ts'
import {format} from '../analysis/units.ts'
import {type ClaimedCache, freeMemory} from './identity.ts'
import {type MemoryPlan, mostMemory, planMemory} from './levels.ts'
import {
  cancelAtExit,
  type NativeAddon,
  type NativeSession,
  type SessionInfo,
  type TensorSpec,
  type Touch,
} from './native.ts'
import {throwIfAborted} from './rounds.ts'

/**
 * What the session was not given, in words.
 * @param memory whether the measurement touches memory, so that the size of its pages matters
 */
export function sessionWarnings(
  info: SessionInfo,
  threads: number,
  platform: NodeJS.Platform,
  memory = true,
): Warning[] {
  const warnings: Warning[] = []
  if (info.threads < threads)
    warnings.push({code: 'fewer-threads', message: `The system granted ${info.threads} of ${threads} threads.`})
  if (platform === 'linux' && info.pinned < info.threads)
    warnings.push({
      code: 'not-pinned',
      message: `${info.threads - info.pinned} of ${info.threads} threads could not be pinned to a CPU; results may vary more.`,
    })
  const share = info.hugeBytes / info.bytes
  if (memory && platform === 'linux' && share < 0.9)
    warnings.push({
      code: 'no-huge-pages',
      message: `Huge pages were asked for and given for ${Math.round(share * 100)} % of the memory; DRAM and latency hold page-table walks.`,
    })
  return warnings
}

/** Says so where too little memory was to be had, or to be had in time, to be called DRAM. */
export function memoryWarnings(
  info: Pick<SessionInfo, 'touched'>,
  memory: MemoryPlan,
  caches: readonly ClaimedCache[],
): Warning[] {
  const consequence = 'a DRAM working set of twice the largest cache: DRAM figures may hold cache hits.'
  if (memory.short) return [{code: 'small-memory', message: `Too little memory is free for ${consequence}`}]
  const roamed = info.touched[0]! - memory.residentPerThread[0]!
  if (roamed >= 2 * (caches.at(-1)?.claimed ?? 0)) return []
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20)
  const part = `of ${mebibytes(memory.bytesPerThread[0]!)} MiB a thread had ${mebibytes(info.touched[0]!)} MiB in time`
  return [{code: 'small-memory', message: `The system hands out memory slowly: ${part}, too little for ${consequence}`}]
}

/** @throws {AnalysisError} `does-not-fit` where the system refuses memory or threads */
export async function openSession(
  session: NativeSession,
  memory: Pick<MemoryPlan, 'bytesPerThread' | 'residentPerThread'>,
  touch?: Touch,
): Promise<SessionInfo> {
  try {
    return await session.open(memory.bytesPerThread, memory.residentPerThread, ...(touch ? [touch] : []))
  } catch (error) {
    throw new AnalysisError(
      'does-not-fit',
      `measuring is not possible: ${error instanceof Error ? error.message : String(error)}`,
      ['free some memory or lower --threads'],
    )
  }
}

/** Allocates a session's tensors. @throws {AnalysisError} `does-not-fit` where the system refuses them (a limit of the process, say) though memory is free */
export async function allocate(
  session: Pick<NativeSession, 'allocate'>,
  tensors: readonly TensorSpec[],
): Promise<void> {
  try {
    await session.allocate(tensors)
  } catch (error) {
    const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
    const reason = error instanceof Error ? error.message : String(error)
    throw new AnalysisError('does-not-fit', `${format(bytes, 'B')} of tensors are needed: ${reason}`, [
      'smaller --dims, or a higher limit of memory for the process (`ulimit -v`)',
    ])
  }
}

/** A session that is cancelled with the signal and when the process ends. */
function guarded(addon: Pick<NativeAddon, 'Session' | 'exitNow'>, signal: AbortSignal | undefined) {
  const session = new addon.Session()
  const forget = cancelAtExit(addon, session)
  const abort = () => session.cancel()
  signal?.addEventListener('abort', abort, {once: true})
  const close = () => {
    signal?.removeEventListener('abort', abort)
    forget()
    session.close()
  }
  return {session, close}
}

/** Opens threads without memory of their own. @throws {AnalysisError} `does-not-fit`, `interrupted` */
export async function openBare(
  addon: Pick<NativeAddon, 'Session' | 'exitNow'>,
  threads: number,
  signal: AbortSignal | undefined,
): Promise<{session: NativeSession; info: SessionInfo; memory: undefined; close(): void}> {
  const {session, close} = guarded(addon, signal)
  const [bytesPerThread, residentPerThread] = [64, 0].map((bytes) => Array<number>(threads).fill(bytes))
  try {
    const info = await openSession(session, {bytesPerThread: bytesPerThread!, residentPerThread: residentPerThread!})
    return {session, info, memory: undefined, close}
  } catch (error) {
    close()
    throwIfAborted(signal)
    throw error
  }
}

/** An open session with its memory; `close` gives everything back. */
export interface Opened {
  session: NativeSession
  info: SessionInfo
  memory: MemoryPlan
  close(): void
}

/** Less than this is not asked for, in bytes. */
export const leastMemory = 64 * 2 ** 20

/**
 * Opens a session in the memory that is free, or in half of it, and so on, where the system refuses more: limits of the address space or of
 * data (ulimit) are not part of what it calls free.
 * @param room bytes that may be taken as free; default all that are, up to `mostMemory`
 * @param touchSeconds after which a DRAM working set of twice the largest cache is enough, and after twice as long a single window
 * @throws {AnalysisError} `does-not-fit`, `interrupted`
 */
export async function openMeasuring(
  addon: Pick<NativeAddon, 'Session' | 'exitNow'>,
  caches: readonly ClaimedCache[],
  threads: number,
  touchSeconds: number,
  signal: AbortSignal | undefined,
  room = freeMemory(),
): Promise<Opened> {
  for (let available = Math.min(room, mostMemory); ; available /= 2) {
    const memory = planMemory(caches, threads, available)
    const {session, close} = guarded(addon, signal)
    const enough = 2 * (caches.at(-1)?.claimed ?? 0)
    try {
      const info = await openSession(session, memory, {seconds: touchSeconds, enough, least: memory.window})
      return {session, info, memory, close}
    } catch (error) {
      close()
      throwIfAborted(signal)
      if (available / 2 < leastMemory) throw error
    }
  }
}
