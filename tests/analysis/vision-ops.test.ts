/** What the meta-tests of operators cannot know: convolutions, pools and norms against each other and against hand counts. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {ConvDims} from '../../src/analysis/ops/conv.ts'
import {winogradFilters} from '../../src/analysis/ops/conv-winograd.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import type {Dims, OpDef} from '../../src/analysis/ops/types.ts'
import {ceilPadding, positionsOf, samePadding, windowCounts} from '../../src/analysis/ops/window.ts'
import {dimsOf} from './support/dims.ts'

/** Numbers that are neither all alike nor random. */
const numbers = (n: number, seed = 1) => Float64Array.from({length: n}, (_, i) => Math.sin(seed + 1.7 * i))
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
const run = (op: OpDef, dims: Dims, inputs: Float64Array[]) => op.reference!(dims, inputs)

function expectClose(a: Float64Array, b: Float64Array): void {
  expect(a.length).toBe(b.length)
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i]!, 9)
}

const plain = {batch: 1, channels: 1, filters: 1, groups: 1, bias: false} as const

describe('conv', () => {
  it('slides a filter by hand: 1-D, stride, dilation, padding at both ends', () => {
    const line = {...plain, height: 1, kernelHeight: 1}
    const conv = (d: Partial<ConvDims>, x: number[], w: number[]) =>
      Array.from(
        run(ops.conv, {...line, width: x.length, kernelWidth: w.length, ...d}, [
          Float64Array.from(x),
          Float64Array.from(w),
        ])[0]!,
      )
    expect(conv({}, [1, 2, 3, 4], [1, 10])).toEqual([21, 32, 43])
    expect(conv({strideWidth: 2}, [1, 2, 3, 4], [1, 10])).toEqual([21, 43])
    expect(conv({dilationWidth: 2}, [1, 2, 3, 4], [1, 10])).toEqual([31, 42])
    expect(conv({padWidth: 2}, [1, 2, 3], [1, 1, 1])).toEqual([3, 6, 5])
    // of an odd padding the larger half is at the end
    expect(conv({padWidth: 1}, [1, 2, 3], [1, 10])).toEqual([21, 32, 3])
  })

  it('sums over axes and channels, and adds its bias: ones count the taps inside', () => {
    const d = {...plain, channels: 2, depth: 3, height: 3, width: 3, kernelDepth: 3, kernelHeight: 3, kernelWidth: 3}
    const dims = {...d, padDepth: 2, padHeight: 2, padWidth: 2, bias: true}
    const ones = (n: number) => new Float64Array(n).fill(1)
    const [y] = run(ops.conv, dims, [ones(54), ones(54), Float64Array.of(100)])
    // a corner sees 2³ of 27, the centre all
    expect([y![0], y![13], y!.length]).toEqual([116, 154, 27])
  })

  it('keeps groups apart: a depthwise convolution is one of each channel', () => {
    const d = {
      batch: 2,
      channels: 3,
      filters: 3,
      groups: 3,
      height: 5,
      width: 4,
      kernelHeight: 3,
      kernelWidth: 3,
      bias: false,
    }
    const [x, w] = [numbers(2 * 3 * 20), numbers(27, 5)]
    const [all] = run(ops.conv, d, [x, w])
    for (let b = 0; b < 2; b++) {
      for (let c = 0; c < 3; c++) {
        const one = {...d, batch: 1, channels: 1, filters: 1, groups: 1}
        const plane = x.subarray((b * 3 + c) * 20, (b * 3 + c + 1) * 20)
        const [y] = run(ops.conv, one, [plane, w.subarray(9 * c, 9 * c + 9)])
        expectClose(all!.subarray((b * 3 + c) * 6, (b * 3 + c + 1) * 6), y!)
      }
    }
  })

  it('of one tap is a matrix product of the same cost', () => {
    const d = {...plain, batch: 3, channels: 5, filters: 7, height: 4, width: 6, kernelHeight: 1, kernelWidth: 1}
    const [a, b] = [ops.conv.cost(d), ops.linear.cost({m: 3 * 24, n: 7, k: 5, bias: false})]
    for (const count of ['macs', 'flops', 'matrix', 'vector'] as const) expect(a[count]).toBe(b[count])
    expect(a.reads.map((use) => use.elements)).toEqual(b.reads.map((use) => use.elements))
  })

  it('counts its products: as many as a run over padded input makes', () => {
    fc.assert(
      fc.property(dimsOf(ops.conv, 3), (dims) => {
        const d = dims as ConvDims
        const {outputs, taps} = windowCounts(d)
        expect(ops.conv.cost(d).macs).toBe((d.batch * d.filters * outputs * taps * d.channels) / d.groups)
      }),
    )
  })

  it('refuses a window that does not fit, by its size', () => {
    const d = {...plain, height: 4, width: 4, kernelHeight: 7, kernelWidth: 7}
    expect(() => ops.conv.cost(d)).toThrow('a window that spans 7 elements does not fit 4 elements with 0 of padding')
  })
})

describe('algorithms of one convolution', () => {
  const base = {batch: 2, channels: 3, filters: 4, groups: 1, height: 9, width: 7, kernelHeight: 3, kernelWidth: 3}

  it.each([2, 4])('Winograd F(%i × …, 3×3) computes what the direct one does', (tile) => {
    for (const [padHeight, padWidth, bias] of [
      [2, 2, true],
      [0, 0, false],
      [1, 2, false],
    ] as const) {
      const [x, w, b] = [numbers(2 * 3 * 63), numbers(4 * 27, 3), numbers(4, 9)]
      const direct = run(ops.conv, {...base, padHeight, padWidth, bias}, bias ? [x, w, b] : [x, w])[0]!
      const {batch, channels, filters, height, width} = base
      const dims = {batch, channels, filters, height, width, padHeight, padWidth, tile, materialized: false, bias}
      const u = winogradFilters(tile, filters, channels, w)
      expectClose(run(ops['conv-winograd'], dims, bias ? [x, u, b] : [x, u])[0]!, direct)
    }
  })

  it('a matrix product of the columns and the filters is the convolution', () => {
    const dims = {...base, strideHeight: 2, padHeight: 2, padWidth: 1, bias: false}
    const {outputs, taps} = windowCounts(dims)
    const [x, w] = [numbers(2 * 3 * 63), numbers(4 * 27, 3)]
    const [y, columns] = run(ops['conv-im2col'], dims, [x, w, new Float64Array(2 * 3 * taps * outputs)])
    for (let b = 0; b < 2; b++) {
      const patches = columns!.subarray(b * 27 * outputs, (b + 1) * 27 * outputs)
      const [product] = run(ops.linear, {m: 4, n: outputs, k: 27, bias: false}, [w, patches])
      expectClose(y!.subarray(b * 4 * outputs, (b + 1) * 4 * outputs), product!)
    }
  })

  it('trade FLOPs for bytes', () => {
    const {batch, channels, filters} = {batch: 8, channels: 256, filters: 256}
    const direct = ops.conv.cost({
      ...base,
      batch,
      channels,
      filters,
      height: 56,
      width: 56,
      padHeight: 2,
      padWidth: 2,
      bias: false,
    })
    const winograd = (tile: number) =>
      ops['conv-winograd'].cost({
        batch,
        channels,
        filters,
        height: 56,
        width: 56,
        padHeight: 2,
        padWidth: 2,
        tile,
        materialized: true,
        bias: false,
      })
    // 16 products of a 2×2 tile instead of 36, 36 of a 4×4 tile instead of 144
    expect(direct.macs / winograd(2).macs).toBe(2.25)
    expect(direct.macs / winograd(4).macs).toBe(4)
    const moved = (cost: typeof direct) => [...cost.reads, ...cost.writes].reduce((sum, use) => sum + use.elements, 0)
    expect(moved(winograd(2))).toBeGreaterThan(moved(winograd(4)))
    expect(moved(winograd(4))).toBeGreaterThan(moved(direct))
  })
})

describe('conv-transpose', () => {
  it('is the adjoint of the convolution: ⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩', () => {
    const d = {
      batch: 1,
      channels: 4,
      filters: 6,
      groups: 2,
      height: 11,
      width: 9,
      kernelHeight: 3,
      kernelWidth: 2,
      bias: false,
    }
    const forward = {...d, strideHeight: 2, strideWidth: 3, dilationHeight: 2, padHeight: 2, padWidth: 1}
    const {outputs} = windowCounts(forward)
    const [x, w, y] = [numbers(4 * 99), numbers((6 * 4 * 6) / 2, 2), numbers(6 * outputs, 3)]
    const [down, across] = [
      positionsOf({size: 11, kernel: 3, stride: 2, dilation: 2, pad: 2}),
      positionsOf({size: 9, kernel: 2, stride: 3, dilation: 1, pad: 1}),
    ]
    // rows that the strides of the convolution leave out come back as extra rows
    const back = (size: number, n: number, stride: number, span: number, pad: number) =>
      size - ((n - 1) * stride + span - pad)
    const dims = {
      ...forward,
      channels: 6,
      filters: 4,
      height: down,
      width: across,
      extraHeight: back(11, down, 2, 5, 2),
      extraWidth: back(9, across, 3, 2, 1),
    }
    const [xt] = run(ops['conv-transpose'], dims, [y, w])
    const [yf] = run(ops.conv, forward, [x, w])
    expect(xt!.length).toBe(x.length)
    expect(dot(yf!, y)).toBeCloseTo(dot(x, xt!), 9)
  })
})

describe('conv-transpose, its padding', () => {
  it('leaves at least one output', () => {
    const d = {...plain, height: 2, width: 2, kernelHeight: 2, kernelWidth: 2}
    expect(ops['conv-transpose'].cost({...d, padHeight: 2}).writes[0]!.elements).toBe(3)
    expect(() => ops['conv-transpose'].cost({...d, padHeight: 3})).toThrow('a padding of 3 leaves nothing of 3 outputs')
  })
})

describe('padding', () => {
  it('same keeps ⌈size ÷ stride⌉, ceil keeps the last partial window', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 60}),
        fc.integer({min: 1, max: 7}),
        fc.integer({min: 1, max: 5}),
        fc.integer({min: 1, max: 3}),
        (size, kernel, stride, dilation) => {
          const pad = samePadding(size, kernel, stride, dilation)
          expect(positionsOf({size: size + kernel * dilation, kernel, stride, dilation, pad: 0})).toBeGreaterThan(0)
          if (dilation * (kernel - 1) < size + pad)
            expect(positionsOf({size, kernel, stride, dilation, pad})).toBe(Math.ceil(size / stride))
          fc.pre(kernel <= size)
          const ceiling = Math.ceil((size - kernel) / stride) + 1
          expect(positionsOf({size, kernel, stride, dilation: 1, pad: ceilPadding(size, kernel, stride)})).toBe(ceiling)
        },
      ),
    )
  })
})

describe('pools and norms', () => {
  it('a global mean is an average pool of the whole plane, and an adaptive one of size 1', () => {
    const x = numbers(2 * 3 * 20)
    const window = {batch: 2, channels: 3, height: 4, width: 5, kernelHeight: 4, kernelWidth: 5}
    const adaptive = {batch: 2, channels: 3, height: 4, width: 5, outHeight: 1, outWidth: 1}
    expectClose(run(ops['avg-pool'], window, [x])[0]!, run(ops['adaptive-avg-pool'], adaptive, [x])[0]!)
    expect(ops['avg-pool'].cost(window).flops).toBe(ops['adaptive-avg-pool'].cost(adaptive).flops)
  })

  it('the largest of a window that hangs over the edge is one of its elements', () => {
    const dims = {batch: 1, channels: 1, height: 1, width: 3, kernelHeight: 1, kernelWidth: 3, padWidth: 2}
    expect(Array.from(run(ops['max-pool'], dims, [Float64Array.of(-3, -2, -5)])[0]!)).toEqual([-2, -2, -2])
    expect(Array.from(run(ops['avg-pool'], dims, [Float64Array.of(3, 6, 9)])[0]!)).toEqual([3, 6, 5])
  })

  it('a group norm with one group per channel has mean β and standard deviation γ', () => {
    const [gamma, beta] = [Float64Array.of(2, 3), Float64Array.of(-1, 5)]
    const [y] = run(ops.groupnorm, {batch: 1, channels: 2, positions: 50, groups: 2}, [numbers(100), gamma, beta])
    for (let c = 0; c < 2; c++) {
      const row = y!.subarray(50 * c, 50 * c + 50)
      const mean = row.reduce((sum, v) => sum + v, 0) / 50
      expect(mean).toBeCloseTo(beta[c]!, 9)
      expect(Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 50)).toBeCloseTo(gamma[c]!, 3)
    }
  })

  it('resizing to the same size changes nothing, a constant image stays constant', () => {
    const d = {batch: 1, channels: 2, height: 3, width: 4}
    for (const kind of ['interpolate-nearest', 'interpolate-bilinear'] as const) {
      const x = numbers(24)
      expectClose(run(ops[kind], {...d, outHeight: 3, outWidth: 4}, [x])[0]!, x)
      const [flat] = run(ops[kind], {...d, outHeight: 7, outWidth: 2}, [new Float64Array(24).fill(4)])
      expect(new Set(flat)).toEqual(new Set([4]))
    }
    const [twice] = run(
      ops['interpolate-nearest'],
      {batch: 1, channels: 1, height: 1, width: 2, outHeight: 2, outWidth: 4},
      [Float64Array.of(1, 2)],
    )
    expect(Array.from(twice!)).toEqual([1, 1, 2, 2, 1, 1, 2, 2])
    const [between] = run(
      ops['interpolate-bilinear'],
      {batch: 1, channels: 1, height: 1, width: 2, outHeight: 1, outWidth: 4},
      [Float64Array.of(0, 4)],
    )
    expect(Array.from(between!)).toEqual([0, 1, 3, 4])
  })
})
