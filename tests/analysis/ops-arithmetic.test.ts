/** The references of the operators around matrix products and elementwise functions, against definitions and hand-made cases. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {erf} from '../../src/analysis/ops/elementwise.ts'
import {ops} from '../../src/analysis/ops/index.ts'

const f64 = (...values: number[]) => Float64Array.from(values)
const list = (values: Float64Array | undefined) => Array.from(values!)
const number = fc.double({min: -8, max: 8, noNaN: true})
const numbers = (n: number) => fc.array(number, {minLength: n, maxLength: n}).map((x) => Float64Array.from(x))

function expectClose(actual: ArrayLike<number>, expected: readonly number[], digits = 12): void {
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) expect(actual[i]!, `element ${i}`).toBeCloseTo(expected[i]!, digits)
}

describe('products', () => {
  it('linear: a product worked by hand, with and without bias', () => {
    const x = f64(1, 2, 3, 4, 5, 6)
    const w = f64(1, 0, -1, 2, 3, 1)
    const y = ops.linear.reference!({m: 2, n: 2, k: 3, bias: false}, [x, w])
    expect(list(y[0])).toEqual([1 - 2 + 9, 4 + 3, 4 - 5 + 18, 10 + 6])
    const biased = ops.linear.reference!({m: 2, n: 2, k: 3, bias: true}, [x, w, f64(10, -1)])
    expect(list(biased[0])).toEqual([18, 6, 27, 15])
  })

  it('linear: the identity leaves its input', () => {
    fc.assert(
      fc.property(numbers(12), (x) => {
        const identity = f64(1, 0, 0, 0, 1, 0, 0, 0, 1)
        expectClose(ops.linear.reference!({m: 4, n: 3, k: 3, bias: false}, [x, identity])[0]!, list(x))
      }),
    )
  })

  it('matmul: each batch is its own product, all share the bias', () => {
    fc.assert(
      fc.property(numbers(2 * 2 * 3), numbers(2 * 3 * 2), numbers(2), (a, b, bias) => {
        const c = ops.matmul.reference!({batch: 2, m: 2, n: 2, k: 3, bias: true}, [a, b, bias])[0]!
        for (let batch = 0; batch < 2; batch++) {
          for (let i = 0; i < 2; i++) {
            for (let j = 0; j < 2; j++) {
              const dot = [0, 1, 2].reduce((s, l) => s + a[batch * 6 + i * 3 + l]! * b[batch * 6 + l * 2 + j]!, 0)
              expect(c[batch * 4 + i * 2 + j]).toBeCloseTo(dot + bias[j]!, 10)
            }
          }
        }
      }),
    )
  })

  it('gated-mlp: one row by hand', () => {
    const silu = (v: number) => v / (1 + Math.exp(-v))
    // x = (1, 2); up and gate are 2 × 1, down is 1 × 2
    const y = ops['gated-mlp'].reference!({rows: 1, hidden: 2, ffn: 1}, [f64(1, 2), f64(3, 1), f64(1, -1), f64(2, -4)])
    const act = silu(1 - 2) * (3 + 2)
    expectClose(y[0]!, [2 * act, -4 * act])
  })
})

describe('row by row', () => {
  it('softmax: known rows, whatever is added to a row', () => {
    const thirds = [Math.log(1), Math.log(2), Math.log(3)]
    for (const shift of [0, -700, 700]) {
      const x = f64(...thirds.map((v) => v + shift))
      expectClose(ops.softmax.reference!({rows: 1, cols: 3, kept: 3}, [x])[0]!, [1 / 6, 2 / 6, 3 / 6])
    }
  })

  it('softmax: rows sum to 1, masked elements are 0, order is kept', () => {
    fc.assert(
      fc.property(numbers(15), fc.integer({min: 0, max: 3}), (x, masked) => {
        for (let r = 0; r < 3; r++) x[r * 5 + masked] = Number.NEGATIVE_INFINITY
        const y = ops.softmax.reference!({rows: 3, cols: 5, kept: 12}, [x])[0]!
        for (let r = 0; r < 3; r++) {
          const row = y.subarray(r * 5, r * 5 + 5)
          expect(row.reduce((s, v) => s + v, 0)).toBeCloseTo(1, 12)
          expect(row[masked]).toBe(0)
          for (let c = 0; c < 4; c++)
            expect(Math.sign(row[c + 1]! - row[c]!) * Math.sign(x[r * 5 + c + 1]! - x[r * 5 + c]!)).not.toBe(-1)
        }
      }),
    )
  })

  it('layernorm: (1, 3) becomes ±1/√(1 + 1e-5), scaled and shifted', () => {
    const unit = 1 / Math.sqrt(1 + 1e-5)
    const y = ops.layernorm.reference!({rows: 1, width: 2}, [f64(1, 3), f64(2, 5), f64(10, -10)])
    expectClose(y[0]!, [10 - 2 * unit, -10 + 5 * unit])
  })

  it('layernorm: mean 0 and variance 1, whatever shift and scale the row has', () => {
    fc.assert(
      fc.property(numbers(16), fc.double({min: -100, max: 100, noNaN: true}), (x, shift) => {
        // a row without spread has no scale to normalize
        fc.pre(Math.max(...x) - Math.min(...x) > 1)
        const ones = new Float64Array(16).fill(1)
        const zeros = new Float64Array(16)
        const y = ops.layernorm.reference!({rows: 1, width: 16}, [x.map((v) => v + shift), ones, zeros])[0]!
        expect(y.reduce((s, v) => s + v, 0) / 16).toBeCloseTo(0, 9)
        const variance = y.reduce((s, v) => s + v * v, 0) / 16
        expect(variance).toBeLessThanOrEqual(1)
        expect(variance).toBeGreaterThan(0.999)
      }),
    )
  })

  it('rmsnorm: (3, 4) is divided by √12.5', () => {
    const y = ops.rmsnorm.reference!({rows: 2, width: 2}, [f64(3, 4, 0, 0), f64(1, -2)])
    const rms = Math.sqrt(12.5 + 1e-5)
    expectClose(y[0]!, [3 / rms, -8 / rms, 0, 0])
  })

  it('cross-entropy: −log of the softmax at the target; log C where all classes are alike', () => {
    fc.assert(
      fc.property(numbers(12), fc.array(fc.nat(3), {minLength: 3, maxLength: 3}), (logits, targets) => {
        const loss = ops['cross-entropy'].reference!({rows: 3, classes: 4}, [logits, f64(...targets)])[0]!
        const p = ops.softmax.reference!({rows: 3, cols: 4, kept: 12}, [logits])[0]!
        expectClose(
          loss,
          targets.map((target, r) => -Math.log(p[r * 4 + target]!)),
          9,
        )
      }),
    )
    const uniform = ops['cross-entropy'].reference!({rows: 1, classes: 5}, [f64(9, 9, 9, 9, 9), f64(3)])
    expectClose(uniform[0]!, [Math.log(5)])
    // no overflow: e^1000 is beyond f64
    expectClose(ops['cross-entropy'].reference!({rows: 1, classes: 2}, [f64(1000, 0), f64(1)])[0]!, [1000])
  })
})

describe('elementwise', () => {
  // Abramowitz & Stegun, Handbook of Mathematical Functions (1964), table 7.1, rounded to ten places
  const table = [
    [0.1, 0.112462916],
    [0.2, 0.2227025892],
    [0.3, 0.3286267595],
    [0.4, 0.428392355],
    [0.5, 0.5204998778],
    [0.6, 0.6038560908],
    [0.7, 0.6778011938],
    [0.8, 0.7421009647],
    [0.9, 0.7969082124],
    [1, 0.8427007929],
    [1.5, 0.9661051465],
    [2, 0.995322265],
    [2.5, 0.999593048],
    [3, 0.9999779095],
  ] as const

  it.each(table)('erf(%f) = %f', (x, value) => {
    expect(Math.abs(erf(x) - value)).toBeLessThanOrEqual(0.5e-10)
    expect(erf(-x)).toBe(-erf(x))
  })

  it('erf: the integral of 2/√π·e^(−t²), also where its two expansions meet', () => {
    // composite Simpson, step 1/2000: error below 1e-14 here
    const integral = (x: number) => {
      const n = 2 * Math.ceil(Math.abs(x) * 1000)
      const h = x / n
      let sum = 0
      for (let i = 0; i <= n; i++) sum += (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((i * h) ** 2))
      return ((sum * h) / 3) * (2 / Math.sqrt(Math.PI))
    }
    for (const x of [1e-6, 0.01, 0.25, 1.1, 1.9, 2.2, 2.4999, 2.5, 2.5001, 2.6, 3.3, 4, 5.9])
      expect(Math.abs(erf(x) - integral(x)), `erf(${x})`).toBeLessThan(2e-15 * 10)
    expect([erf(0), erf(40), erf(-40), erf(Number.POSITIVE_INFINITY)]).toEqual([0, 1, -1, 1])
    expect(erf(Number.NaN)).toBeNaN()
  })

  it('gelu: x·Φ(x), with Φ from the table of the normal distribution', () => {
    // Abramowitz & Stegun, table 26.1: Φ(1) = 0.841344746068543, Φ(2) = 0.977249868051821, Φ(0.5) = 0.691462461274013
    const y = ops.gelu.reference!({elements: 5}, [f64(0, 1, -1, 2, 0.5)])[0]!
    expectClose(y, [0, 0.841344746068543, 0.841344746068543 - 1, 2 * 0.977249868051821, 0.5 * 0.691462461274013])
  })

  it('gelu-tanh stays within 5e-4 of gelu', () => {
    fc.assert(
      fc.property(numbers(8), (x) => {
        const exact = ops.gelu.reference!({elements: 8}, [x])[0]!
        const approximate = ops['gelu-tanh'].reference!({elements: 8}, [x])[0]!
        for (let i = 0; i < 8; i++) expect(Math.abs(exact[i]! - approximate[i]!)).toBeLessThan(5e-4)
      }),
    )
    // 0.5·(1 + tanh(√(2/π)·1.044715)), worked out apart
    expect(ops['gelu-tanh'].reference!({elements: 1}, [f64(1)])[0]![0]).toBeCloseTo(0.841191990608, 11)
  })

  it('add, mul, relu, tanh, silu, swiglu: their definitions', () => {
    fc.assert(
      fc.property(numbers(6), numbers(6), (x, y) => {
        const dims = {elements: 6}
        const sigmoid = (v: number) => 0.5 * (1 + Math.tanh(v / 2))
        expect(list(ops.add.reference!(dims, [x, y])[0])).toEqual(list(x.map((v, i) => v + y[i]!)))
        expect(list(ops.mul.reference!(dims, [x, y])[0])).toEqual(list(x.map((v, i) => v * y[i]!)))
        expectClose(ops.relu.reference!(dims, [x])[0]!, list(x.map((v) => (v + Math.abs(v)) / 2)))
        expectClose(ops.tanh.reference!(dims, [x])[0]!, list(x.map((v) => 1 - 2 / (Math.exp(2 * v) + 1))))
        expectClose(ops.silu.reference!(dims, [x])[0]!, list(x.map((v) => v * sigmoid(v))))
        expectClose(ops.swiglu.reference!(dims, [x, y])[0]!, list(x.map((v, i) => v * sigmoid(v) * y[i]!)), 11)
      }),
    )
  })
})

describe('rows of tables', () => {
  it('embedding gathers rows, twice the same where the id repeats', () => {
    const y = ops.embedding.reference!({rows: 3, width: 2, vocab: 3}, [f64(2, 0, 2), f64(1, 2, 3, 4, 5, 6)])
    expect(list(y[0])).toEqual([5, 6, 1, 2, 5, 6])
  })

  it('position adds the same rows to each sequence', () => {
    const y = ops.position.reference!({rows: 4, distinct: 2, width: 1}, [f64(1, 2, 3, 4), f64(10, 20)])
    expect(list(y[0])).toEqual([11, 22, 13, 24])
  })

  it('kv-write and kv-read copy', () => {
    const [k, v] = [f64(1, 2), f64(3, 4)]
    for (const [a, b] of [
      ops['kv-write'].reference!({batch: 1, seq: 1, kvHeads: 1, headDim: 2}, [k, v]),
      ops['kv-read'].reference!({batch: 1, cached: 1, kvHeads: 1, headDim: 2}, [k, v]),
    ]) {
      expect([list(a), list(b)]).toEqual([
        [1, 2],
        [3, 4],
      ])
      expect(a).not.toBe(k)
    }
  })
})
