/** Programs on a GPU: tensors in buffers, parts as steps, results against the oracle. */
import {AnalysisError} from '../../analysis/errors.ts'
import {errorOf, type Program, tensorsOf, testValues} from '../program.ts'
import {shaderOf} from '../wgsl/index.ts'
import {formatBytes} from '../wgsl/shader.ts'
import {formatOf, tensorBytes} from './bytes.ts'
import {decode, encode, quantize} from './formats.ts'
import type {GpuTraits} from './programs.ts'
import type {GpuSession, Slice, Step} from './session.ts'

/** Storage offsets must be multiples of this (WebGPU's highest minStorageBufferOffsetAlignment). */
const guard = 256
/** What guard zones and outputs are filled with: −14,309,978, which no kernel leaves as it is and none computes from values in [−1, 1). */
const poison = 0xcb5a5a5a

/** Values for a tensor: what its format can hold, so that both sides compute with the same. */
function valuesOf(name: string, elements: number, seed: number, traits: GpuTraits): Float32Array {
  const values = testValues(elements, seed)
  const change = traits.values?.[name]
  if (change) for (let i = 0; i < values.length; i++) values[i] = change(values[i]!)
  return quantize(values, formatOf(traits, name))
}

/** The steps of a program over its tensors; a part without results has none. */
export async function stepsOf(
  session: GpuSession,
  program: Program,
  tensors: ReadonlyMap<string, Slice>,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const part of program.parts) {
    if (part.cost.writes.every(({elements}) => elements === 0)) continue
    const shader = shaderOf(part.kernel, part.dims)
    if (!shader) throw new AnalysisError('unknown-kernel', `${part.kernel} has no WGSL kernel`, ['--backend cpu'])
    steps.push(
      await session.step(
        shader,
        [...part.in, ...part.out].map((name) => tensors.get(name)!),
      ),
    )
  }
  return steps
}

/** Checked programs run at small sizes: a tensor that is larger is refused. */
const largestChecked = 64e6

/**
 * Runs a program once and compares every tensor that it writes with the f64 oracle, which computes on its own intermediate results.
 * Outputs are poisoned before; zones around every tensor and the inputs must be as they were after.
 * @returns the largest error, infinite where a guard zone or an input was written
 */
export async function checkOnGpu(session: GpuSession, program: Program, traits: GpuTraits): Promise<number> {
  const tensors = tensorsOf([program])
  const bytes = tensorBytes([program], traits)
  const buffers: GPUBuffer[] = []
  const slices = new Map<string, Slice>()
  const images = new Map<string, Uint32Array<ArrayBuffer>>()
  const values = new Map<string, Float64Array>()
  try {
    for (const [i, [name, {elements: count}]] of [...tensors].entries()) {
      const size = bytes.get(name)!
      if (size > largestChecked) throw new RangeError(`${name}: ${size} B are too many to check`)
      const padded = Math.ceil(size / 16) * 16
      const buffer = await session.allocate(padded + 2 * guard, name)
      buffers.push(buffer)
      slices.set(name, {buffer, offset: guard, bytes: padded + guard})
      const host = valuesOf(name, count, i, traits)
      values.set(name, Float64Array.from(host))
      const image = new Uint32Array((padded + 2 * guard) / 4).fill(poison)
      const isWritten = program.parts.some(({out}) => out.includes(name))
      if (!isWritten) image.set(encode(host, formatOf(traits, name)), guard / 4)
      images.set(name, image)
      session.write(buffer, image)
    }
    await session.run(await stepsOf(session, program, slices))
    for (const part of program.parts) {
      const wanted = part.reference(part.in.map((name) => values.get(name)!))
      part.out.forEach((name, i) => {
        values.set(name, wanted[i]!)
      })
    }
    let worst = 0
    for (const [name, {elements: count}] of tensors) {
      const image = images.get(name)!
      const got = new Uint32Array(await session.read(slices.get(name)!.buffer, image.byteLength))
      const words = Math.ceil(bytes.get(name)! / 4)
      const isWritten = program.parts.some(({out}) => out.includes(name))
      const outside = got.some((word, i) => (i < guard / 4 || i >= guard / 4 + words) && word !== poison)
      const changed = !isWritten && got.some((word, i) => word !== image[i])
      if (outside || changed) return Number.POSITIVE_INFINITY
      if (isWritten) {
        const result = decode(got.slice(guard / 4, guard / 4 + words), formatOf(traits, name), count)
        worst = Math.max(worst, errorOf(result, values.get(name)!))
      }
    }
    return worst
  } finally {
    session.free(buffers)
  }
}

/** Bytes of test values that are made on the host; larger tensors repeat them. */
const pattern = 16 * 2 ** 20

/** Tensors of programs on the device, with values that keep every kernel in its usual range. */
export async function placeTensors(
  session: GpuSession,
  programs: readonly Program[],
  traits: GpuTraits,
): Promise<Map<string, Slice>> {
  const slices = new Map<string, Slice>()
  for (const [name, bytes] of tensorBytes(programs, traits)) {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    const buffer = await session.allocate(size, name)
    slices.set(name, {buffer, offset: 0, bytes: size})
    const format = formatOf(traits, name)
    const image = encode(valuesOf(name, Math.min(size, pattern) / formatBytes[format], slices.size, traits), format)
    for (let at = 0; at < size; at += image.byteLength)
      session.write(buffer, size - at < image.byteLength ? image.subarray(0, (size - at) / 4) : image, at)
  }
  return slices
}
