import {describe, expect, test} from 'vitest'
import {type PayPoint, payingSizes} from '../../src/kernels/pairs.ts'
import {type KernelDef, kernelIds, kernels, type PairDef, pairIds, pairs} from '../../src/kernels/registry.ts'
import {sweepOf} from '../../src/kernels/run.ts'

const points = (...speedups: number[]): PayPoint[] =>
  speedups.map((speedup, i) => ({size: 4 ** i, bytes: 1, speedup, predicted: null}))

describe('sizes at which fusing pays', () => {
  test.each([
    [points(1.2, 1.5), {when: 'always', at: null}],
    [points(1, 0.9, 1.02), {when: 'never', at: null}],
    [[], {when: 'never', at: null}],
    // 1.03 lies on the line from 1.0 to 1.03² at half of the way, in logarithms: the size 2 between 1 and 4
    [points(1, 1.03 ** 2), {when: 'from', at: 2}],
    [points(1.03 ** 2, 1), {when: 'up-to', at: 2}],
    // only the last change counts: 4 to 16
    [points(2, 1, 1.5, 1.6), {when: 'from', at: 4}],
  ])('%j', (list, wanted) => {
    const {when, at} = payingSizes('rows', list)
    expect(when).toBe(wanted.when)
    if (wanted.at === null) expect(at).toBeNull()
    else expect(Math.abs(at! - wanted.at)).toBeLessThanOrEqual(1)
  })
})

describe('sizes of a sweep', () => {
  const definitions: readonly Pick<KernelDef & PairDef, 'id' | 'dims' | 'sizes' | 'sweep'>[] = [
    ...kernelIds.map((id): KernelDef => kernels[id]),
    ...pairIds.map((id): PairDef => pairs[id]),
  ]
  test.each(definitions)('$id', (def) => {
    const {dim, sizes} = sweepOf(def)
    const at = def.dims.indexOf(dim)
    expect(at).toBeGreaterThanOrEqual(0)
    expect(sizes.at(-1)).toEqual([...def.sizes.dram])
    expect(sizes.length).toBeGreaterThanOrEqual(2)
    expect(sizes.length).toBeLessThanOrEqual(8)
    const values = sizes.map((size) => size[at]!)
    expect(values).toEqual([...new Set(values)].sort((a, b) => a - b))
    for (const size of sizes)
      for (const [i, value] of size.entries()) {
        // a padding or a bias may be 0
        expect(Number.isInteger(value) && value >= (i === at ? 1 : 0), `${def.id} ${size.join('x')}`).toBe(true)
        if (i !== at) expect(value).toBe(def.sizes.dram[i])
      }
  })
})
