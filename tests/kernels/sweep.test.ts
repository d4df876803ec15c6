import {readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {confirmed, lonePoints, type PairEntry, type PayPoint, payingSizes, pointOf} from '../../src/kernels/pairs.ts'
import {type KernelDef, kernelIds, kernels, type PairDef, pairIds, pairs} from '../../src/kernels/registry.ts'
import {sweepOf} from '../../src/kernels/sizes.ts'

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

test('the run itself is a size of the sweep, as fast as it is said to be: by turns where there are any', () => {
  const run = {fused: {bytes: 8}, dims: {rows: 64}, speedup: 1.2, predictedSpeedup: 1.5} as unknown as PairEntry
  const byTurns = {...run, speedupInTurn: 0.9, predictedInTurn: 1.1}
  expect(pointOf({...run, speedupInTurn: null, predictedInTurn: null}, 'rows')).toMatchObject({
    speedup: 1.2,
    predicted: 1.5,
  })
  expect(pointOf(byTurns, 'rows')).toEqual({size: 64, bytes: 8, speedup: 0.9, predicted: 1.1})
})

test('a size that says otherwise than both of its neighbours is measured again: on a busy host one of eight made it "from 30" for always', () => {
  expect(lonePoints(points(1.04, 1.43, 0.95, 1.14, 1.29))).toEqual([2])
  expect(lonePoints(points(1, 1.01, 1.2, 1.02, 1))).toEqual([2])
  expect(lonePoints(points(1, 1, 1.2, 1.3))).toEqual([])
  expect(lonePoints(points(1, 1.2, 1.2, 1, 1))).toEqual([])
  // the ends have one neighbour only
  expect(lonePoints(points(1, 1.2, 1.3, 1))).toEqual([])
})

test('the size below the largest is measured again too, and stays as it is where it cannot be', async () => {
  const disturbed = points(1.5, 1.6, 0.95, 1.59)
  const asked: number[] = []
  const again = async (size: number) => {
    asked.push(size)
    return {...disturbed[2]!, speedup: 1.58}
  }
  expect(payingSizes('rows', disturbed).when).toBe('from')
  expect(payingSizes('rows', await confirmed(disturbed, again)).when).toBe('always')
  expect(asked).toEqual([16])
  expect(await confirmed(disturbed, async () => undefined)).toEqual(disturbed)
})

describe('sizes of a sweep', () => {
  const definitions: readonly Pick<KernelDef & PairDef, 'id' | 'dims' | 'sizes' | 'sweep'>[] = [
    ...kernelIds.map((id): KernelDef => kernels[id]),
    ...pairIds.map((id): PairDef => pairs[id]),
  ]
  test('of blocks: square ones that grow, and at the end the blocks of our own product, as its header has them', () => {
    const {dim, sizes} = sweepOf(kernels['gemm-blocked'])
    expect(dim).toBe('kc')
    const header = readFileSync(new URL('../../native/kernels/gemm.h', import.meta.url), 'utf8')
    const own = /blocksF32 = \{(\d+), (\d+), (\d+)\}/.exec(header)!.slice(1).map(Number)
    expect(sizes.at(-1)!.slice(3)).toEqual(own)
    const square = sizes.slice(0, -1)
    expect(square.length).toBeGreaterThanOrEqual(8)
    let before = 0
    for (const [m, n, k, mc, nc, kc] of square) {
      expect([n, k], 'the same product at every edge').toEqual([m, m])
      expect([mc, nc]).toEqual([kc, kc])
      expect(kc!).toBeGreaterThan(before)
      before = kc!
    }
  })

  test.each(definitions.filter(({sweep}) => !(sweep && 'sizes' in sweep)))('$id', (def) => {
    const {dim, sizes} = sweepOf(def)
    const at = def.dims.indexOf(dim)
    expect(at).toBeGreaterThanOrEqual(0)
    expect(sizes.at(-1)).toEqual([...def.sizes.dram])
    // a pair runs the largest anyway, and the others before it: also where that has grown
    const grown = def.sizes.dram.map((size) => 3 * size)
    expect(sweepOf(def, grown).sizes.at(-1)).toEqual(grown)
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
