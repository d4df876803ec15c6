/** Meta-tests: a gradient rule is tested without writing a test for it. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ops} from '../../../src/analysis/ops/index.ts'
import {newPairsOf} from '../../../src/analysis/ops/pairs.ts'
import type {OpDef} from '../../../src/analysis/ops/types.ts'
import {dimsOf} from '../support/dims.ts'
import {evaluateFormula} from '../support/formula.ts'

const registry: Readonly<Record<string, OpDef>> = ops
const withRule = Object.entries(registry).filter(([, op]) => op.backward)

/** Why an operator has no rule; anything else in the registry has one. */
const without: Readonly<Record<string, string>> = {
  ...{
    sgd: 'optimizer',
    momentum: 'optimizer',
    rmsprop: 'optimizer',
    adam: 'optimizer',
    adamw: 'optimizer',
    adafactor: 'optimizer',
  },
  'kv-read': 'training keeps no cache',
  'kv-write': 'training keeps no cache',
  'mla-write': 'training keeps no cache',
  quantize: 'rounding has a gradient of zero; training refuses --quantize',
  dequantize: 'training refuses --quantize',
}

describe('operators without a gradient rule', () => {
  it('are optimizers, caches and quantization alone', () => {
    const found = Object.entries(registry).filter(([, op]) => !op.backward)
    expect(found.map(([kind]) => kind).sort()).toEqual(Object.keys(without).sort())
  })
})

describe.each(withRule)('the gradient of %s', (_, op) => {
  it('counts what its formulas say, exact integers, useful work within executed work', () => {
    fc.assert(
      fc.property(dimsOf(op, 60), (dims) => {
        const {data, weights} = op.backward!(dims)
        const extraNames = typeof dims.causal === 'boolean' && dims.seq ? newPairsOf(dims as never) : {}
        for (const part of [data, weights]) {
          if (!part) continue
          expect(evaluateFormula(part.formula, {...dims, ...op.derived?.(dims), ...extraNames})).toBe(part.flops)
          for (const count of [part.macs, part.flops, part.matrix, part.vector, part.special])
            expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
          expect(2 * part.macs).toBeLessThanOrEqual(part.flops)
          expect(part.matrix + part.vector).toBeGreaterThanOrEqual(part.flops)
          expect(part.special).toBeLessThanOrEqual(part.vector)
        }
      }),
      {numRuns: 50},
    )
  })

  it('reads no more than forward moved, and writes gradients as large as what forward read', () => {
    fc.assert(
      fc.property(dimsOf(op, 60), (dims) => {
        const cost = op.cost(dims)
        const rule = op.backward!(dims)
        const lists = {input: cost.reads, output: cost.writes, gradient: cost.writes, extra: rule.extra ?? []}
        for (const part of [rule.data, rule.weights]) {
          if (!part) continue
          for (const {of, at, elements} of part.reads) {
            expect(lists[of][at], `${of} ${at}`).toBeDefined()
            expect(elements).toBeLessThanOrEqual(lists[of][at]!.elements)
          }
          for (const {at, elements} of part.writes) {
            expect(cost.reads[at]!.role).not.toBe('index')
            // the gradient of a table that is read in part is as large as the table
            expect(elements).toBeGreaterThanOrEqual(cost.reads[at]!.elements)
          }
        }
        const written = [rule.data, rule.weights].flatMap((part) => part?.writes.map(({at}) => at) ?? [])
        expect(new Set(written).size).toBe(written.length)
        for (const at of rule.passes ?? []) expect(written).not.toContain(at)
      }),
      {numRuns: 50},
    )
  })

  it('leaves no input without a gradient but indices, constants and caches, and no weight to the data', () => {
    fc.assert(
      fc.property(dimsOf(op, 60), (dims) => {
        const {reads, writes} = op.cost(dims)
        const rule = op.backward!(dims)
        const data = [...(rule.data?.writes.map(({at}) => at) ?? []), ...(rule.passes ?? [])]
        const weights = rule.weights?.writes.map(({at}) => at) ?? []
        reads.forEach(({role, elements, name}, at) => {
          // DeepSeek-V3's routing bias is moved by load, not by gradients (arXiv:2412.19437 §2.1.2)
          if (role === 'weight' && op.kind !== 'moe-gate-sigmoid') expect(weights, name).toContain(at)
          // targets and masks are no data that anything was computed from
          const workspace = writes.some((write) => write.name === name)
          if (role === 'input' && elements > 0 && name !== 'target' && name !== 'mask' && !workspace)
            expect([...data, ...weights], name).toContain(at)
        })
      }),
      {numRuns: 30},
    )
  })

  it('takes twice the multiply-accumulates of forward, once for each factor of each product', () => {
    fc.assert(
      fc.property(dimsOf(op, 40), (dims) => {
        const {macs} = op.cost(dims)
        const {data, weights} = op.backward!(dims)
        // cached keys and values take no gradient
        if (Number(dims.cached ?? 0) === 0 && dims.stored !== true)
          expect((data?.macs ?? 0) + (weights?.macs ?? 0)).toBe(2 * macs)
      }),
      {numRuns: 50},
    )
  })
})

describe('fused attention', () => {
  it('executes five products where forward has two, and does the useful work of its three parts', () => {
    const dims = {batch: 2, seq: 8, cached: 0, heads: 4, kvHeads: 2, headDim: 16, causal: false}
    const forward = ops.attention.cost(dims)
    const {data} = ops.attention.backward!(dims)
    expect(data!.matrix).toBe(2.5 * forward.matrix)
    const kept = 2 * 4 * 8 * 8
    const parts = [
      ops['attention-scores'].backward!(dims).data!,
      ops.softmax.backward!({rows: 2 * 4 * 8, cols: 8, kept}).data!,
      ops['attention-values'].backward!(dims).data!,
    ]
    expect(data!.flops).toBe(parts.reduce((sum, part) => sum + part.flops, 0))
  })
})
