/** Both forms of every pair over the same data: what the chain leaves is what the fused kernel leaves, within the pair's tolerance. */
import {describe, expect, test} from 'vitest'
import {defaultTolerance} from '../../src/kernels/families/types.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type NativeArray, type Program, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {type PairDef, pairIds, pairs} from '../../src/kernels/registry.ts'
import {valuesOf} from './outputs.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** Tensors of the fused form that are those of the chain side by side, row by row. */
const joined: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  qkv: {wqkv: ['wq', 'wk', 'wv'], qkv: ['q', 'k', 'v']},
}

/** What a program reads before it writes it. */
function inputsOf({parts}: Program): string[] {
  const written = new Set<string>()
  const read = new Set<string>()
  for (const part of parts) {
    for (const name of part.in) if (!written.has(name)) read.add(name)
    for (const name of part.out) written.add(name)
  }
  return [...read].sort()
}

/** Rows of several matrices side by side. */
function sideBySide(matrices: readonly Float64Array[], rows: number): Float64Array {
  const widths = matrices.map(({length}) => length / rows)
  const all = new Float64Array(matrices.reduce((sum, {length}) => sum + length, 0))
  let at = 0
  for (let r = 0; r < rows; r++)
    matrices.forEach((matrix, i) => {
      all.set(matrix.subarray(r * widths[i]!, (r + 1) * widths[i]!), at)
      at += widths[i]!
    })
  return all
}

function run(isa: string, {parts}: Program, inputs: ReadonlyMap<string, NativeArray>): Map<string, NativeArray> {
  const tensors = new Map([...inputs].map(([name, values]) => [name, values.slice()]))
  for (const part of parts) {
    const at = (names: readonly string[]) => names.map((name) => tensors.get(name)!)
    addon.runOp(isa, part.kernel, part.dims, at(part.in), at(part.out), 2)
  }
  return tensors
}

describe.each(isas)('%s', (isa) => {
  test.each(pairIds.map((id): PairDef => pairs[id]))('$id', (def) => {
    const [m, k] = def.check as readonly [number, number]
    const names = joined[def.id] ?? {}
    for (const dtype of def.dtypes ?? (['f32'] as const)) {
      const [chain, fused] = [def.unfused(def.check, dtype), def.fused(def.check, dtype)]
      expect(
        inputsOf(fused)
          .flatMap((name) => names[name] ?? name)
          .sort(),
      ).toEqual(inputsOf(chain))
      const tensors = tensorsOf([chain, fused])
      const inputs = new Map([...tensors].map(([name, tensor], i) => [name, valuesOf(tensor, i)]))
      const numbers = (name: string, from: ReadonlyMap<string, NativeArray>) =>
        unpack(from.get(name)!, tensors.get(name)!)
      for (const [name, those] of Object.entries(names))
        if (inputsOf(fused).includes(name))
          inputs.set(
            name,
            Float32Array.from(
              sideBySide(
                those.map((part) => numbers(part, inputs)),
                k,
              ),
            ),
          )
      const [slow, fast] = [run(isa, chain, inputs), run(isa, fused, inputs)]
      for (const name of fused.parts.at(-1)!.out) {
        const those = names[name]
        const wanted = those
          ? sideBySide(
              those.map((part) => numbers(part, slow)),
              m,
            )
          : numbers(name, slow)
        expect(wanted.length, name).toBeGreaterThan(0)
        // nothing that the kernels wrote is what stood there before
        expect(errorOf(wanted, numbers(name, inputs)), name).toBeGreaterThan(1e-3)
        expect(errorOf(numbers(name, fast), wanted), name).toBeLessThanOrEqual(def.tolerance ?? defaultTolerance[dtype])
      }
    }
  })
})
