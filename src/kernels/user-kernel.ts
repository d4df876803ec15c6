/** A kernel from a shared object, run in a process of its own: where it crashes, that is a result and not the end of the program. */
import {fork} from 'node:child_process'
import {closeSync, existsSync, openSync, readSync, statSync} from 'node:fs'
import {join, resolve} from 'node:path'
import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, quoted, type Warning} from '../analysis/errors.ts'
import {type BenchEntry, entryOf, warningsOf} from './bench.ts'
import type {UserKernel} from './native.ts'
import {packageRoot} from './package-root.ts'
import type {Part, Program} from './program.ts'
import {throwIfAborted} from './rounds.ts'
import {type BenchOptions, type Measured, setUp} from './run.ts'

/** What the process is told to do. */
export interface UserRequest {
  path: string
  dims: readonly number[] | undefined
  isa: string
  threads: number
  machine: Machine
}

/** What it says: how far it is, what it found, or why it cannot. */
export type UserReply =
  | {stage: string}
  | {problem: string; code: 'bad-file' | 'does-not-fit' | 'bad-dimension' | 'kernel-failed'}
  | {found: UserRun}

/** What a kernel says of itself at one size. */
export interface Described {
  kernel: UserKernel
  dims: number[]
  flops: number
  bytesRead: number
  bytesWritten: number
}

/** A described kernel as the roof sees it: its bytes lie where they are counted. */
export function userProgram({kernel, dims, flops, bytesRead, bytesWritten}: Described): Program {
  const use = (name: string, elements: number) => ({name, role: 'input' as const, elements, dtype: null})
  const part: Part = {
    kernel: 'user',
    dims,
    in: ['read'],
    out: ['written'],
    types: {read: 'u8', written: 'u8'},
    computes: kernel.dtype,
    cost: {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [use('read', bytesRead)],
      writes: [use('written', bytesWritten)],
    },
    reference: () => [],
  }
  return {id: kernel.name, parts: [part]}
}

/** A measured kernel of a shared object. */
export interface UserRun extends Described {
  /** `null` where the kernel has no check */
  maxError: number | null
  measured: Measured
}

/** Seconds without a sign after which a kernel is taken for one that does not return. */
const patience = 60

/** Where the header lies, which a package is installed anywhere with. */
const header = (): string => `build it with -I ${join(packageRoot().path, 'native', 'include')} (docs/user-kernels.md)`

const faulty = 'run it under a debugger, or build it with -g -fsanitize=address and preload libasan'

/** Machines of ELF files as people call them: process.arch, and what the file says (elf.h, e_machine). */
const machines = new Map([
  [3, ['ia32', 'x86 of 32 bits']],
  [40, ['arm', 'ARM of 32 bits']],
  [62, ['x64', 'x86-64']],
  [183, ['arm64', 'AArch64']],
  [243, ['riscv64', 'RISC-V']],
])

/**
 * Why a file cannot be a shared object of this machine, in better words than a loader's, which calls one of another processor missing.
 * @param head its first bytes: an ELF header has magic, class, byte order, and from byte 16 on type and machine
 * @returns `undefined` where nothing speaks against it
 */
export function notLoadable(head: Uint8Array, arch: string = process.arch): string | undefined {
  if (head.length < 20 || ![0x7f, 0x45, 0x4c, 0x46].every((byte, i) => head[i] === byte))
    return 'it is no shared object (it has no ELF header)'
  const at = (i: number) => (head[5] === 2 ? head[i]! * 256 + head[i + 1]! : head[i]! + head[i + 1]! * 256)
  if (at(16) === 1) return 'it is an object file, not yet linked: cc -shared -fPIC makes a shared object of it'
  const [ours, name] = machines.get(at(18)) ?? ['', `machine ${at(18)}`]
  const known = [...machines.values()].find(([id]) => id === arch)
  return known && ours !== arch ? `it was built for ${name}, this program runs on ${known[1]}` : undefined
}

/** @throws {AnalysisError} `bad-file` before a process is started for it */
function checkFile(path: string): void {
  const refuse = (message: string, hints: string[]) => {
    throw new AnalysisError('bad-file', message, hints)
  }
  const found = statSync(path, {throwIfNoEntry: false})
  if (!found) refuse(`there is no file ${quoted(path)}`, ['--load ./mykernel.so'])
  if (!found?.isFile()) refuse(`${quoted(path)} is not a file`, ['--load ./mykernel.so'])
  if (process.platform !== 'linux') return
  const head = new Uint8Array(20)
  const file = openSync(path, 'r')
  const length = readSync(file, head, 0, head.length, 0)
  closeSync(file)
  const problem = notLoadable(head.subarray(0, length))
  if (problem) refuse(`${path}: ${problem}`, [header()])
}

/** Runs the request apart. @throws {AnalysisError} `kernel-failed`, `bad-file`, `bad-dimension`, `does-not-fit`, `interrupted` */
async function apart(request: UserRequest, options: BenchOptions): Promise<UserRun> {
  const worker = join(packageRoot().path, 'dist', 'kernel-process.js')
  if (!existsSync(worker))
    throw new AnalysisError('internal', `${worker} is missing: the package was not built`, ['npm run build'])
  throwIfAborted(options.signal)
  // What the kernel prints must not stand in the answer: both streams are standard error. And a group of its own ends with it: a process that
  // the kernel forked would run on, and keep a reader of our streams waiting.
  const child = fork(worker, [], {
    stdio: ['ignore', 2, 2, 'ipc'],
    serialization: 'advanced',
    execArgv: [],
    detached: process.platform !== 'win32',
  })
  const stop = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      child.kill('SIGKILL')
    }
  }
  options.signal?.addEventListener('abort', stop, {once: true})
  // a command that is interrupted leaves at once; what it measures would go on for seconds
  process.once('exit', stop)
  let watchdog: NodeJS.Timeout | undefined
  try {
    return await new Promise<UserRun>((done, fail) => {
      let stage = 'starting'
      let found: UserRun | undefined
      const limit = options.timeout ?? patience
      const watch = () => {
        clearTimeout(watchdog)
        watchdog = setTimeout(() => {
          const message = `${request.path}: gave no sign for ${limit} s while ${stage}`
          const longer = `--timeout ${Math.min(86_400, 10 * limit)} waits longer, where a call of it may take so long`
          fail(new AnalysisError('kernel-failed', message, [longer]))
        }, 1000 * limit)
      }
      watch()
      child.on('message', (reply: UserReply) => {
        watch()
        if ('stage' in reply) {
          stage = reply.stage
          options.onProgress?.(0, 1, `${request.path}: ${stage}`)
        } else if ('found' in reply) {
          found = reply.found
          child.disconnect()
        } else {
          const hint = {
            'bad-file': header(),
            'kernel-failed': faulty,
            'bad-dimension': 'without --dims it runs at the sizes that it suggests',
            'does-not-fit': 'smaller --dims',
          }
          // a loader says the path itself
          const problem = reply.problem.replace(`${request.path}: `, '')
          fail(new AnalysisError(reply.code, `${request.path}: ${problem}`, [hint[reply.code]]))
        }
      })
      child.on('error', fail)
      child.on('exit', (code, signal) => {
        if (found) return done(found)
        const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`
        fail(new AnalysisError('kernel-failed', `${request.path}: its process ${how} while ${stage}`, [faulty]))
      })
      child.send(request)
    })
  } catch (error) {
    throwIfAborted(options.signal)
    throw error
  } finally {
    clearTimeout(watchdog)
    options.signal?.removeEventListener('abort', stop)
    process.off('exit', stop)
    stop()
  }
}

/**
 * Measures the kernel of a shared object under the same protocol, statistics and roof as our own.
 * @throws {AnalysisError} `bad-file`, `bad-flag`, `bad-dimension`, `does-not-fit`, `kernel-failed`, `no-addon`, `interrupted`
 */
export async function benchUserKernel(
  path: string,
  options: BenchOptions,
): Promise<{kernels: BenchEntry[]; warnings: Warning[]}> {
  const {isa, threads} = setUp(options)
  checkFile(path)
  const entries: BenchEntry[] = []
  const unchecked = new Map<string, Warning>()
  for (const size of options.sizes ?? [undefined]) {
    const run = await apart({path: resolve(path), dims: size, isa, threads, machine: options.machine}, options)
    const {kernel, dims, maxError, measured} = run
    const def = {id: kernel.name, op: 'loaded', dims: kernel.dims}
    entries.push(entryOf(def, dims, userProgram(run), measured, maxError, {isa, threads}, options.machine))
    const message = `${kernel.name} has no check: nobody knows whether its results are right`
    if (maxError === null) unchecked.set(message, {code: 'kernel-unchecked', message})
  }
  return {kernels: entries, warnings: [...unchecked.values(), ...warningsOf(entries)]}
}
