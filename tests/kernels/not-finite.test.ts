/** NaN and infinity in each tensor of each kernel, one at a time: what comes of them is what the reference makes of them. */
import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type Part, poisonOf, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {type KernelDef, kernelIds, kernels} from '../../src/kernels/registry.ts'
import {valuesOf} from './outputs.ts'

const addon = loadNative()

/**
 * What two kernels are free in: sums are scaled by an infinite scale once, which leaves infinity where the reference multiplies it by a weight of 0;
 * and behind a causal mask a row that is NaN may be 0.
 */
const isFree = ({kernel, dims}: Part, input: string, i: number, got: number): boolean =>
  (kernel.startsWith('dequantize') && input === 'scales' && !Number.isFinite(got)) ||
  (kernel === 'scale+mask+softmax' && got === 0 && i % dims[1]! > Math.floor(i / dims[1]!) % dims[1]!)

/** The largest error of a part with one value of one input replaced; infinity where only one of both sides is finite. */
function errorWith(isa: string, part: Part, input: string, value: number): number {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const made = new Map([...tensors].map(([name, tensor], i) => [name, valuesOf(tensor, i)]))
  for (const name of part.out) if (!part.in.includes(name)) made.get(name)!.fill(poisonOf[tensors.get(name)!.type])
  const values = made.get(input)!
  values[Math.floor(values.length / 2)] = value
  const at = (names: readonly string[]) => names.map((name) => made.get(name)!)
  const before = part.in.map((name) => unpack(made.get(name)!, tensors.get(name)!))
  addon.runOp(isa, part.kernel, part.dims, at(part.in), at(part.out), 2)
  const wanted = part.reference(before)
  const errors = part.out.map((name, o) => {
    const got = unpack(made.get(name)!, tensors.get(name)!)
    const compared = wanted[o]!.map((w, i) => (!Number.isFinite(w) && isFree(part, input, i, got[i]!) ? got[i]! : w))
    return errorOf(got, compared)
  })
  return Math.max(...errors)
}

describe.each(addon.cpu().isas.map(({name}) => name))('%s', (isa) => {
  test.each(kernelIds.map((id): KernelDef => kernels[id]))('$id', (def) => {
    const wrong: string[] = []
    for (const dtype of def.dtypes ?? (['f32'] as const))
      for (const part of def.program(def.check, dtype).parts) {
        const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
        for (const name of part.in)
          for (const value of [Number.NaN, Infinity, -Infinity]) {
            const {type} = tensors.get(name)!
            if (type !== 'f32' && type !== 'f64') continue
            const error = errorWith(isa, part, name, value)
            if (!(error < 1e-4)) wrong.push(`${dtype} ${name} ${value}: ${error}`)
          }
      }
    expect(wrong).toEqual([])
  })
})
