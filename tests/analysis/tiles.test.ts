import {readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {
  attentionIntensity,
  blockedElements,
  blockedIntensity,
  blocksAheadFor,
  blocksFor,
  convolutionIntensity,
  edgeThatFits,
  productIntensity,
  productLowerBound,
} from '../../src/analysis/tiles.ts'

const KiB = 1024
const MiB = 1024 * KiB

describe('blocks of a matrix product', () => {
  test('the constants of our own product are what the model picks for 1 MiB of L2 and 8 MiB of L3 per core', () => {
    const header = readFileSync(new URL('../../native/kernels/gemm.h', import.meta.url), 'utf8')
    for (const [name, bytes] of [
      ['blocksF32', 4],
      ['blocksF64', 8],
    ] as const) {
      const written = new RegExp(`${name} = \\{(\\d+), (\\d+), (\\d+)\\}`).exec(header)!
      const [mc, nc, kc] = written.slice(1).map(Number)
      expect({mc, nc, kc}, name).toEqual(blocksFor(MiB, 8 * MiB, bytes))
    }
  })

  test('so are those that the product which packs a block of B ahead makes for each L2, as the header asserts of them', () => {
    const header = readFileSync(new URL('../../native/kernels/ahead.h', import.meta.url), 'utf8')
    const asserted = [...header.matchAll(/takes\((\d+) << 10, (\d), (\d+), (\d+)\)/g)].map((match) =>
      match.slice(1).map(Number),
    )
    expect(asserted.map(([kib, bytes]) => `${kib}/${bytes}`)).toEqual(
      [1024, 1280, 2048].flatMap((kib) => [`${kib}/4`, `${kib}/8`]),
    )
    for (const [kib, bytes, nc, kc] of asserted) expect({nc, kc}).toEqual(blocksAheadFor(kib! * KiB, bytes!))
  })

  test.each([1, 2, 4])('of %i MiB two blocks ahead take half, and no other of whole panels moves 8 % less', (l2) => {
    // 2/kc of C and 1/nc of A per multiply-add
    for (const bytes of [4, 8]) {
      const held = (l2 * MiB) / 4 / bytes
      const chosen = blocksAheadFor(l2 * MiB, bytes)
      expect(chosen.kc * chosen.nc).toBe(held)
      const moved = (nc: number) => (2 * nc) / held + 1 / nc
      for (let nc = 32; nc <= 1024; nc += 32) expect(moved(nc) * 1.08, `nc ${nc}`).toBeGreaterThan(moved(chosen.nc))
    }
  })

  test('other caches, other blocks: they grow with the root of L2', () => {
    expect(blocksFor(256 * KiB, 2 * MiB, 4)).toEqual({mc: 120, kc: 256, nc: 1024})
    expect(blocksFor(2 * MiB, 3 * MiB, 4)).toEqual({mc: 360, kc: 720, nc: 544})
    expect(blocksFor(4 * KiB, 4 * KiB, 8).mc).toBe(12)
  })

  test('no other block of the same size moves less past L2, and the chosen one stays within 1.5 of the lower bound', () => {
    const size = 4096
    const held = MiB / 2 / 4
    const chosen = blocksFor(MiB, Number.MAX_SAFE_INTEGER, 4)
    const moved = (kc: number, mc: number) => blockedElements(size, size, size, {mc, kc, nc: size})
    for (let kc = 64; kc <= 2048; kc += 32)
      expect(moved(kc, held / kc) * 1.02, `kc ${kc}`).toBeGreaterThan(moved(chosen.kc, chosen.mc) * 0.999)
    expect(moved(chosen.kc, chosen.mc)).toBeLessThan(1.5 * productLowerBound(size, size, size, held))
    expect(moved(chosen.kc, chosen.mc)).toBeGreaterThan(productLowerBound(size, size, size, held))
  })

  test('a block as large as the matrices moves each once, C twice', () => {
    expect(blockedElements(10, 20, 30, {mc: 100, nc: 100, kc: 100})).toBe(300 + 600 + 400)
    // halves along each side: A and B twice, C read and written twice
    expect(blockedElements(10, 20, 30, {mc: 5, nc: 10, kc: 15})).toBe(600 + 1200 + 800)
    expect(blockedIntensity(10, 20, 30, {mc: 100, nc: 100, kc: 100}, 4)).toBeCloseTo(12_000 / (4 * 1300))
  })

  test('the largest square block of which a cache holds three, or two', () => {
    expect(edgeThatFits(32 * KiB, 4)).toBe(52)
    expect(edgeThatFits(MiB, 8, 2)).toBe(256)
  })
})

test('a convolution of one tap is a matrix product; taps reuse what lies under them', () => {
  // 64 positions × 32 filters over 16 channels: 2·64·32·16 FLOP on 64·16 + 32·16 + 64·32 elements
  expect(convolutionIntensity({height: 8, width: 8, filters: 32}, 16, [1, 1], 1, 4)).toBeCloseTo(65_536 / (4 * 3584))
  const nine = convolutionIntensity({height: 8, width: 8, filters: 32}, 16, [3, 3], 1, 4)
  expect(nine).toBeCloseTo((2 * 64 * 32 * 16 * 9) / (4 * (10 * 10 * 16 + 32 * 16 * 9 + 2048)))
  expect(convolutionIntensity({height: 8, width: 8, filters: 32}, 16, [3, 3], 2, 4)).toBeLessThan(nine)
})

test('attention reuses keys and values by its block of queries', () => {
  expect(attentionIntensity(1, 1e9, 64, 4)).toBeCloseTo(0.5)
  expect(attentionIntensity(96, 1e9, 64, 4)).toBeCloseTo(48)
  expect(attentionIntensity(96, 96, 64, 4)).toBeCloseTo(24)
})

test('a product in blocks reads a and b once for each block of the other side and writes c once', () => {
  // 2 · 8 · 12 · 10 FLOP; a 12/4 times, b 8/4 times, c: 240 + 240 + 96 elements
  expect(productIntensity({m: 8, n: 12, k: 10}, 4, 4)).toBe(1920 / (4 * (240 + 240 + 96)))
  // a block larger than c: each once
  expect(productIntensity({m: 8, n: 12, k: 10}, 64, 4)).toBe(1920 / (4 * (80 + 120 + 96)))
})
