import {describe, expect, test} from 'vitest'
import {attentionModel, convolutionModel, productModel} from '../../src/analysis/block-models.ts'

const KiB = 1024
const models = [
  productModel({m: 1536, n: 1536, k: 1536}, 4),
  productModel({m: 64, n: 4096, k: 96}, 8),
  convolutionModel({channels: 64, filters: 64, height: 56, width: 56, taps: [3, 3], stride: 1}, 4),
  convolutionModel({channels: 3, filters: 64, height: 112, width: 112, taps: [7, 7], stride: 2}, 2),
  attentionModel({seq: 2048, headDim: 64}, 4),
]

describe.each(models)('$title', (model) => {
  test('intensity grows with the edge', () => {
    for (let edge = 1; edge * 2 <= model.largest; edge *= 2)
      expect(model.intensity(edge * 2), `edge ${edge * 2}`).toBeGreaterThanOrEqual(model.intensity(edge))
  })

  test('the edge at a ridge is the first that reaches it', () => {
    for (const ridge of [0.1, 0.7, 2.3, 9, 31]) {
      const edge = model.atRidge(ridge)
      if (edge === null) expect(model.intensity(model.largest)).toBeLessThan(ridge)
      else {
        expect(model.intensity(edge)).toBeGreaterThanOrEqual(ridge)
        if (edge > 1) expect(model.intensity(edge - 1)).toBeLessThan(ridge)
      }
    }
    expect(model.atRidge(1e9)).toBeNull()
  })

  test('larger caches hold larger blocks, and no block that fits beats the lower bound', () => {
    let before = 0
    for (const cache of [4 * KiB, 32 * KiB, 1024 * KiB, 8192 * KiB]) {
      const edge = model.fits(cache)
      expect(edge).toBeGreaterThanOrEqual(before)
      expect(edge).toBeLessThanOrEqual(model.largest)
      expect(model.intensity(edge), `${cache} B, edge ${edge}`).toBeLessThanOrEqual(model.atMost(cache) * 1.001)
      before = edge
    }
  })
})

test('matrix product: the figures by hand', () => {
  const model = productModel({m: 1024, n: 1024, k: 1024}, 4)
  // 2·1024³ FLOP on (2·1024³/64 + 1024²)·4 B
  expect(model.intensity(64)).toBeCloseTo((2 * 1024 ** 3) / (4 * (2 ** 31 / 64 + 2 ** 20)), 10)
  expect(model.fits(48 * KiB)).toBe(64)
  expect(model.atMost(4 * 64 ** 2)).toBeCloseTo(model.intensity(64), 10)
  expect(model.fits(1e12)).toBe(1024)
})

test('a convolution of one tap moves as much as the matrix product of its positions and channels', () => {
  const conv = convolutionModel({channels: 512, filters: 256, height: 16, width: 16, taps: [1, 1], stride: 1}, 4)
  const product = productModel({m: 256, n: 256, k: 512}, 4)
  expect(conv.intensity(16)).toBeCloseTo(product.intensity(256), 10)
  expect(conv.atMost(64 * KiB)).toBeCloseTo(product.atMost(64 * KiB), 10)
})

test('attention: a block of 96 queries and as many keys of 64 takes 132 KiB', () => {
  const model = attentionModel({seq: 4096, headDim: 64}, 4)
  expect(model.fits(4 * (4 * 96 * 64 + 96 * 96))).toBe(96)
  expect(model.fits(4 * (4 * 96 * 64 + 96 * 96) - 1)).toBe(95)
  expect(attentionModel({seq: 8, headDim: 64}, 4).fits(1e9)).toBe(8)
})
