/** The process that a shared object's kernel runs in: one request, one answer; see user-kernel.ts. */

import {AnalysisError} from '../analysis/errors.ts'
import {format} from '../analysis/units.ts'
import {freeMemory} from './identity.ts'
import {loadNative, type TensorSpec, type UserKernel} from './native.ts'
import {allocate} from './opening.ts'
import {testValues} from './program.ts'
import type {Task} from './rounds.ts'
import {checkMemory, type Measured, measureTasks, probesOf, setUp, thorough, withSession} from './run.ts'
import {decidingCeilings, probeRoom} from './turns.ts'
import {type Described, type UserReply, type UserRequest, type UserRun, userProgram} from './user-kernel.ts'

/** The last stage. */
const measuring = 'being measured'

const send = (reply: UserReply) => process.send!(reply)

class Refusal extends Error {
  readonly code: 'bad-file' | 'does-not-fit' | 'bad-dimension' | 'kernel-failed'
  constructor(code: Refusal['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Values for a tensor of the kernel's type: f32 and f64 in [−1, 1), else any bytes. */
function valuesOf(bytes: number, dtype: UserKernel['dtype'], seed: number): NodeJS.TypedArray {
  if (dtype === 'f64' && bytes % 8 === 0) return Float64Array.from(testValues(bytes / 8, seed))
  if (dtype === 'f32' && bytes % 4 === 0) return testValues(bytes / 4, seed)
  return Uint8Array.from({length: bytes}, (_, i) => (i * 167 + seed * 13) & 255)
}

/** A name for tables: a terminal obeys control characters, and a line end breaks a row. */
const inOneLine = (name: string): string => name.replace(/\p{Cc}+/gu, ' ').trim() || 'unnamed'

/** Bytes around a tensor that a check looks at, and what they hold: a page, so that the tensor's alignment stays. */
const guard = 4096
const guardByte = 0xa5

/** A copy between guard zones. */
function guarded(values: NodeJS.TypedArray): {view: Uint8Array; whole: Uint8Array} {
  const whole = new Uint8Array(values.byteLength + 2 * guard).fill(guardByte)
  const view = whole.subarray(guard, guard + values.byteLength)
  view.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  return {view, whole}
}

async function measure(
  tensors: readonly TensorSpec[],
  described: Described,
  {isa, threads, machine}: UserRequest,
): Promise<Measured> {
  const setup = setUp({isa, threads, machine})
  const programs = [userProgram(described)]
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  const free = checkMemory([{id: described.kernel.name, bytes}])
  const room = probeRoom(decidingCeilings(machine, programs, threads), threads, free)
  const stages = [{kernel: 'user', dims: described.dims, in: [], out: tensors.map((_, i) => i)}]
  const task: Task = {
    id: 'user',
    label: 'user',
    calibrate: true,
    spec: {probe: 'program', isa, threads, bytes: 0, roam: false, passes: 1, repetitions: 1, clock: false, stages},
  }
  return withSession(setup, undefined, room, async ({session, memory}) => {
    await allocate(session, tensors)
    const probes = probesOf({memory}, programs, setup, machine, thorough)
    // every sample is a sign of life
    const alive = () => send({stage: measuring})
    return (await measureTasks(session, [task], probes, thorough, undefined, alive)).get('user')!
  })
}

/** @throws {Refusal} what is wrong with the object, its dims or its size */
async function run(request: UserRequest): Promise<UserRun> {
  const addon = loadNative()
  send({stage: 'loading'})
  let kernel: UserKernel
  try {
    kernel = addon.loadKernel(request.path)
  } catch (error) {
    throw new Refusal('bad-file', error instanceof Error ? error.message : String(error))
  }
  kernel = {...kernel, name: inOneLine(kernel.name), dims: kernel.dims.map(inOneLine)}
  const dims = [...(request.dims ?? kernel.defaults)]
  if (dims.length !== kernel.dims.length || dims.some((dim) => !Number.isInteger(dim) || dim < 0 || dim > 2 ** 40))
    throw new Refusal(
      'bad-dimension',
      `dims ${dims.join('x')} do not fit ${kernel.name}, which takes ${kernel.dims.join('x')}, each from 0 to 2^40`,
    )
  send({stage: 'describing itself'})
  const {tensors, flops, bytesRead, bytesWritten} = addon.describeKernel(dims)
  const counts = [...tensors, flops, bytesRead, bytesWritten]
  if (counts.some((count) => !Number.isSafeInteger(count) || count < 0))
    throw new Refusal(
      'bad-file',
      `its FLOPs and bytes at ${dims.join('x')} are not whole numbers: ${counts.join(', ')}`,
    )
  if (bytesRead + bytesWritten === 0)
    throw new Refusal('bad-dimension', `reads and writes no byte at ${dims.join('x')}: there is nothing to measure`)
  const bytes = tensors.reduce((sum, size) => sum + size, 0)
  if (bytes > 0.8 * freeMemory())
    throw new Refusal('does-not-fit', `needs ${format(bytes, 'B')} of tensors; ${format(freeMemory(), 'B')} are free`)
  let maxError: number | null = null
  if (kernel.checks) {
    send({stage: 'being checked'})
    const placed = [...tensors].map((size, i) => guarded(valuesOf(size, kernel.dtype, i)))
    const error = addon.checkKernel(
      dims,
      placed.map(({view}) => view),
      request.threads,
    )
    for (const [i, {view, whole}] of placed.entries()) {
      const zones = [whole.subarray(0, guard), whole.subarray(guard + view.length)]
      const [before, behind] = zones.map((zone) => zone.findIndex((byte) => byte !== guardByte))
      if (before! >= 0 || behind! >= 0)
        throw new Refusal(
          'kernel-failed',
          `it writes outside of tensor ${i}, ${before! >= 0 ? 'before its first byte' : `behind its ${view.length} bytes`}`,
        )
    }
    maxError = Number.isFinite(error) && error >= 0 ? error : Number.MAX_VALUE
  }
  send({stage: measuring})
  const specs = [...tensors].map(
    (size): TensorSpec => ({bytes: size, fill: kernel.dtype === 'int8' ? 'bytes' : kernel.dtype}),
  )
  const described = {kernel, dims, flops, bytesRead, bytesWritten}
  return {...described, maxError, measured: await measure(specs, described, request)}
}

process.once('message', (request: UserRequest) => {
  run(request).then(
    (found) => send({found}),
    (error: unknown) => {
      if (error instanceof Refusal) send({problem: error.message, code: error.code})
      else if (error instanceof AnalysisError && error.code === 'does-not-fit')
        send({problem: error.message, code: error.code})
      else throw error
    },
  )
})
