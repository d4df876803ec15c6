/** Programs on a GPU: tensors in buffers, parts as steps, results against the oracle. */
import {AnalysisError} from '../../analysis/errors.ts'
import {errorOf, type Part, type Program, testValues} from '../program.ts'
import {variantsOf} from '../wgsl/index.ts'
import {type Format, formatBytes, type Shader} from '../wgsl/shader.ts'
import {gpuTensors} from './bytes.ts'
import {decode, encode, quantize} from './formats.ts'
import type {GpuTraits} from './programs.ts'
import type {GpuSession, Slice, Step} from './session.ts'

/** Storage offsets must be multiples of this (WebGPU's highest minStorageBufferOffsetAlignment). */
const guard = 256
/** What guard zones are filled with: −14,309,978, which no kernel leaves as it is and none computes from values in [−1, 1). */
const fence = 0xcb5a5a5a

/** Values for a tensor: its own where it has some, else what its format can hold, so that both sides compute with the same. */
function valuesOf(
  tensor: {elements: number; format: Format; values?: (elements: number) => ArrayLike<number>},
  seed: number,
  change: ((value: number) => number) | undefined,
): Float32Array {
  if (tensor.values) return Float32Array.from(tensor.values(tensor.elements))
  const values = testValues(tensor.elements, seed)
  if (change) for (let i = 0; i < values.length; i++) values[i] = change(values[i]!)
  return quantize(values, tensor.format)
}

/** Tensors in the order of a part's bindings: one that is updated in place has a single binding, WebGPU allows no second. */
const bound = (part: Part): string[] => [...new Set([...part.in, ...part.out])]

/** Whether a program reads a tensor before it writes it. */
const isInput = (program: Program, name: string): boolean =>
  program.parts.find((part) => part.in.includes(name) || part.out.includes(name))?.in.includes(name) === true

/** Which of its shaders a kernel runs, by its number; without an entry the first. */
export type Variants = ReadonlyMap<string, number>

/** Whether this adapter has what a shader and those after it need. */
export const canRun = (session: GpuSession, shader: Shader): boolean => {
  const {workgroupMemory, maxInvocations, subgroups} = session.facts
  return (
    (shader.workgroupBytes ?? 0) <= workgroupMemory &&
    (shader.invocations ?? 0) <= maxInvocations &&
    (shader.subgroups === undefined || (subgroups !== null && shader.subgroups <= subgroups.min)) &&
    (shader.scratchBytes ?? 0) <= session.largestBuffer &&
    (!shader.second || canRun(session, shader.second))
  )
}

/** The shaders of a part that this adapter can run, with their numbers. */
export const shadersOf = (
  session: GpuSession,
  part: Pick<Part, 'kernel' | 'dims'>,
): {number: number; shader: Shader}[] =>
  variantsOf(part.kernel, part.dims).flatMap((shader, number) =>
    shader && canRun(session, shader) ? [{number, shader}] : [],
  )

/** NaN, as native checks fill what they write (poisonOf). */
const unwritten = 0x7fc00000
const poison = new Uint32Array(4).fill(unwritten)

/** A shader's own buffer, kept with the tensors that it works on; NaN at first, so that reading what was not written shows. */
async function scratchOf(session: GpuSession, bytes: number, tensors: Map<string, Slice>): Promise<Slice> {
  const name = `scratch of ${bytes} B`
  const known = tensors.get(name)
  if (known) return known
  const buffer = await session.allocate(bytes, name)
  await session.repeat(buffer, poison)
  const slice = {buffer, offset: 0, bytes: buffer.size}
  tensors.set(name, slice)
  return slice
}

/** The steps of a program over its tensors, to which it adds what its shaders need beside them; a part without results has none. */
export async function stepsOf(
  session: GpuSession,
  program: Program,
  tensors: Map<string, Slice>,
  variants?: Variants,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const part of program.parts) {
    if (part.cost.writes.every(({elements}) => elements === 0)) continue
    const shaders = shadersOf(session, part)
    const {shader} = shaders.find(({number}) => number === variants?.get(part.kernel)) ?? shaders[0] ?? {}
    if (!shader) throw new AnalysisError('unknown-kernel', `${part.kernel} has no WGSL kernel`, ['--backend cpu'])
    const slices = bound(part).map((name) => tensors.get(name)!)
    if (shader.scratchBytes) slices.push(await scratchOf(session, shader.scratchBytes, tensors))
    for (let stage: Shader | undefined = shader; stage; stage = stage.second)
      steps.push(await session.step(stage, slices))
  }
  return steps
}

/** Checked programs run at small sizes: a tensor that is larger is refused. */
const largestChecked = 64e6

/**
 * Runs a program once and compares every tensor that it writes with the f64 oracle, which computes on its own intermediate results.
 * What is written and not read first is poisoned before; zones around every tensor and what is only read must be as they were after.
 * @returns the largest error, infinite where a guard zone or an input was written
 */
export async function checkOnGpu(
  session: GpuSession,
  program: Program,
  traits: GpuTraits,
  variants?: Variants,
): Promise<number> {
  const tensors = gpuTensors([program], traits)
  const slices = new Map<string, Slice>()
  const images = new Map<string, Uint32Array<ArrayBuffer>>()
  const values = new Map<string, Float64Array>()
  try {
    for (const [i, [name, tensor]] of [...tensors].entries()) {
      const size = tensor.bytes
      if (size > largestChecked) throw new RangeError(`${name}: ${size} B are too many to check`)
      const padded = Math.ceil(size / 16) * 16
      const buffer = await session.allocate(padded + 2 * guard, name)
      slices.set(name, {buffer, offset: guard, bytes: padded + guard})
      const host = valuesOf(tensor, i, traits.values?.[name])
      values.set(name, Float64Array.from(host))
      const image = new Uint32Array((padded + 2 * guard) / 4).fill(fence)
      if (isInput(program, name)) image.set(encode(host, tensor.format), guard / 4)
      else image.fill(unwritten, guard / 4, guard / 4 + Math.ceil(size / 4))
      images.set(name, image)
      session.write(buffer, image)
    }
    await session.run(await stepsOf(session, program, slices, variants))
    for (const part of program.parts) {
      const wanted = part.reference(part.in.map((name) => values.get(name)!))
      part.out.forEach((name, i) => {
        values.set(name, wanted[i]!)
      })
    }
    let worst = 0
    for (const [name, {elements: count, format, bytes}] of tensors) {
      const image = images.get(name)!
      const got = new Uint32Array(await session.read(slices.get(name)!.buffer, image.byteLength))
      const words = Math.ceil(bytes / 4)
      const isWritten = program.parts.some(({out}) => out.includes(name))
      const outside = got.some((word, i) => (i < guard / 4 || i >= guard / 4 + words) && word !== fence)
      const changed = !isWritten && got.some((word, i) => word !== image[i])
      if (outside || changed) return Number.POSITIVE_INFINITY
      if (isWritten) {
        const result = decode(got.slice(guard / 4, guard / 4 + words), format, count)
        worst = Math.max(worst, errorOf(result, values.get(name)!))
      }
    }
    return worst
  } finally {
    session.free([...slices.values()].map(({buffer}) => buffer))
  }
}

/** Bytes of test values that are made on the host, a tenth of a second for 4 MiB; larger tensors repeat them. */
const pattern = 4 * 2 ** 20

/** Elements that a u32 counts: four-bit weights reach it at 2 GiB. */
const mostElements = 2 ** 32 - 1

/** Tensors of programs on the device, with values that keep every kernel in its usual range. */
export async function placeTensors(
  session: GpuSession,
  programs: readonly Program[],
  traits: GpuTraits,
): Promise<Map<string, Slice>> {
  const slices = new Map<string, Slice>()
  for (const [name, tensor] of gpuTensors(programs, traits)) {
    // of f32 no adapter has a buffer that large, and says so
    if (tensor.elements > mostElements && tensor.bytes < 4 * tensor.elements)
      throw new AnalysisError(
        'does-not-fit',
        `WebGPU: ${name} has ${tensor.elements} elements; kernels count them in 32 bits, up to ${mostElements}`,
        ['smaller --dims'],
      )
    const size = Math.max(16, Math.ceil(tensor.bytes / 16) * 16)
    const buffer = await session.allocate(size, name)
    slices.set(name, {buffer, offset: 0, bytes: size})
    const most = Math.min(size, pattern) / formatBytes[tensor.format]
    const values = valuesOf(
      {...tensor, elements: tensor.values ? tensor.elements : most},
      slices.size,
      traits.values?.[name],
    )
    await session.repeat(buffer, encode(values, tensor.format))
  }
  return slices
}
