/** What data that is not finite, and shapes beyond the cases, do to attention, convolution and the LSTM cell. */
import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type Program, tensorsOf, testValues} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'

const addon = loadNative()

/** The largest error of a one-part program after `change` has been made to its inputs. */
function errorWith(isa: string, program: Program, change: (inputs: Record<string, Float32Array>) => void): number {
  const [part] = program.parts
  const tensors = tensorsOf([program])
  const made = Object.fromEntries([...tensors].map(([name, {elements}], i) => [name, testValues(elements, i)]))
  change(made)
  const at = (names: readonly string[]) => names.map((name) => made[name]!)
  addon.runOp(isa, part!.kernel, part!.dims, at(part!.in), at(part!.out), 2)
  const wanted = part!.reference(at(part!.in).map((values) => Float64Array.from(values)))
  return Math.max(...part!.out.map((name, i) => errorOf(made[name]!, wanted[i]!)))
}

describe.each(addon.cpu().isas.map(({name}) => name))('%s', (isa) => {
  const prefill = kernels.attention.program([1, 130, 2, 20])
  const last = 129 * 2 * 20
  test.each([Number.NaN, Infinity])('a causal mask keeps %d in later values from earlier queries', (bad) => {
    expect(errorWith(isa, prefill, ({v}) => v!.fill(bad, last))).toBeLessThan(1e-5)
    expect(errorWith(isa, prefill, ({k}) => k!.fill(Number.NaN, last))).toBeLessThan(1e-5)
  })
  test('NaN in a query, and scores of -infinity, as in the reference', () => {
    expect(errorWith(isa, prefill, ({q}) => q!.fill(Number.NaN, 800, 820))).toBeLessThan(1e-5)
    const infinite = ({q, k}: Record<string, Float32Array>) => {
      q!.fill(1)
      k!.fill(-Infinity, 0, 40)
    }
    expect(errorWith(isa, prefill, infinite)).toBeLessThan(1e-5)
    expect(errorWith(isa, kernels['attention-decode'].program([1, 1, 40, 2, 2, 20]), infinite)).toBeLessThan(1e-5)
  })
  test('large scores do not overflow', () => {
    expect(
      errorWith(isa, prefill, ({q}) =>
        q!.forEach((value, i) => {
          q![i] = 300 * value
        }),
      ),
    ).toBeLessThan(2e-3)
  })
  test('heads too wide for a tile in scratch memory', () => {
    const wide = kernels.attention.program([1, 10, 1, 24_000])
    expect(
      errorWith(isa, wide, ({q}) =>
        q!.forEach((value, i) => {
          q![i] = value / 24_000
        }),
      ),
    ).toBeLessThan(1e-5)
  })

  const sizes = [1, 3, 13, 1, 9, 40, 3, 1, 1, 2, 0]
  test.each(['conv', 'conv-direct'] as const)('%s: padding has no products with weights that are not finite', (id) => {
    const program = kernels[id].program(sizes)
    for (const bad of [Number.NaN, Infinity])
      expect(errorWith(isa, program, ({w}) => w!.fill(bad, 30, 31))).toBeLessThan(1e-5)
    expect(errorWith(isa, program, ({x}) => x!.fill(Number.NaN, 100, 103))).toBeLessThan(1e-5)
  })
  test.each([
    [9, 28, 3],
    [5, 48, 3],
    [6, 150, 3],
    [9, 21, 5],
    [9, 40, 7],
  ])('depthwise, rows of %d × %d, %d taps: what is not finite at the edge of a row stays in its row', (height, width, taps) => {
    const program = kernels['conv-depthwise'].program([1, 3, height, width, taps, 1, 1, taps - 1])
    const from = 4 * width
    for (const bad of [Number.NaN, Infinity])
      for (const at of [from, from + width - 1, height * width, 2 * height * width - 1])
        expect(
          errorWith(isa, program, ({x}) => x!.fill(bad, at, at + 1)),
          `${bad} at ${at}`,
        ).toBeLessThan(1e-5)
  })
  test('BatchNorm and ReLU keep NaN', () => {
    const program = kernels['conv+batchnorm+relu'].program(sizes.slice(0, 10))
    expect(errorWith(isa, program, ({scale}) => scale!.fill(Number.NaN, 2, 3))).toBeLessThan(1e-5)
  })
  test('an image so wide that a row of outputs does not fit the scratch memory', () => {
    const program = kernels['conv-direct'].program([1, 1, 1, 1, 3, 900_000, 3, 1, 1, 2, 0])
    expect(errorWith(isa, program, () => {})).toBeLessThan(1e-5)
  })
  test('an LSTM cell whose gates saturate', () => {
    const program = kernels.lstm.program([2, 8, 40])
    expect(
      errorWith(isa, program, ({w}) =>
        w!.forEach((value, i) => {
          w![i] = 1000 * value
        }),
      ),
    ).toBeLessThan(1e-5)
    expect(errorWith(isa, program, ({c}) => c!.fill(Number.NaN, 3, 5))).toBeLessThan(1e-5)
  })
})
