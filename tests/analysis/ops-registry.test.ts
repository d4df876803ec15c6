/** Meta-tests: an operator that is added to the registry is tested without writing a test for it. */
import {readdirSync, readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ops} from '../../src/analysis/ops/index.ts'
import {
  compulsoryBytes,
  type Dims,
  type OpCost,
  type OpDef,
  ownType,
  type TensorUse,
} from '../../src/analysis/ops/types.ts'
import {dimsOf} from './support/dims.ts'
import {evaluateFormula} from './support/formula.ts'

const registry: Readonly<Record<string, OpDef>> = ops
const folder = new URL('../../src/analysis/ops/', import.meta.url)
// a file that defines no operator of its name is a helper
const defines = (name: string) =>
  readFileSync(new URL(name, folder), 'utf8').includes(`kind: '${name.replace(/\.ts$/, '')}'`)
// a longer window has fewer positions, a stride or dilation too, a group fewer channels: these need not grow the work
const thins = /^(kernel|stride|dilation|groups|tile|out[A-Z])/
// nor the padding that a transposed convolution cuts off, nor a size at which adaptive windows no longer overlap
const exceptions: Readonly<Record<string, RegExp>> = {
  'conv-transpose': /^pad/,
  'adaptive-avg-pool': /^(height|width)$/,
  // what the busiest expert gets beyond its slots is dropped
  'moe-linear': /^busiest$/,
}

const counts = (cost: OpCost) => [
  ...[cost.macs, cost.flops, cost.matrix, cost.vector, cost.special],
  ...[...cost.reads, ...cost.writes].map((use) => use.elements),
]

describe('the registry of operators', () => {
  it('has a file for every operator and an operator for every file', () => {
    const files = readdirSync(folder).filter(defines)
    expect(files.map((name) => name.replace(/\.ts$/, '')).sort()).toEqual(Object.keys(ops).sort())
    for (const [kind, op] of Object.entries(registry)) expect(op.kind).toBe(kind)
  })

  it('has every operator that the project promises', () => {
    const promised = 'matmul linear attention-scores softmax attention-values layernorm rmsnorm add mul gelu silu relu'
    for (const kind of `${promised} gated-mlp embedding rope position kv-write kv-read cross-entropy`.split(' '))
      expect(Object.keys(ops)).toContain(kind)
  })

  it('evaluates formulas as written', () => {
    expect(evaluateFormula('2·m·n + bias·(m - 1)/2', {m: 5, n: 3, bias: true})).toBe(32)
    expect(() => evaluateFormula('2·q', {})).toThrow('q has no value')
    expect(() => evaluateFormula('2 ^ 3', {})).toThrow('no formula')
    expect(() => evaluateFormula('(2', {})).toThrow('parenthesis')
  })
})

describe.each(Object.entries(registry))('%s', (_, op) => {
  it('says what it is, where it comes from, and has an example with its source', () => {
    for (const text of [op.title, op.source, op.formula]) expect(text.length).toBeGreaterThan(0)
    expect(op.examples.length).toBeGreaterThan(0)
    for (const example of op.examples) expect(example.source.length).toBeGreaterThan(3)
    // a name that the formula uses and the dims do not hold is explained
    if (op.derived) for (const name of Object.keys(op.derived(op.examples[0]!.dims))) expect(op.where).toContain(name)
  })

  it.each(
    op.examples.map((example) => [JSON.stringify(example.dims), example] as const),
  )('costs %s as cited', (_, e) => {
    const cost = op.cost(e.dims)
    expect({flops: cost.flops, bytes: compulsoryBytes(cost, 'f32')}).toEqual({flops: e.flops, bytes: e.bytes})
  })

  it('counts what its formula says', () => {
    fc.assert(
      fc.property(dimsOf(op, 100), (dims) => {
        expect(evaluateFormula(op.formula, {...dims, ...op.derived?.(dims)})).toBe(op.cost(dims).flops)
      }),
    )
  })

  it('counts exact integers, useful work within executed work', () => {
    fc.assert(
      fc.property(dimsOf(op, 100), (dims) => {
        const cost = op.cost(dims)
        for (const count of counts(cost)) expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
        expect(2 * cost.macs).toBeLessThanOrEqual(cost.flops)
        // no matrix engine takes a sparse or depthwise product
        expect(2 * cost.macs).toBeLessThanOrEqual(cost.matrix + cost.vector)
        expect(cost.special).toBeLessThanOrEqual(cost.flops)
        expect(cost.special).toBeLessThanOrEqual(cost.vector)
        expect(cost.matrix + cost.vector).toBeGreaterThanOrEqual(cost.flops)
        expect(cost.writes.length).toBeGreaterThan(0)
      }),
    )
  })

  it('does no less work when a dimension grows', () => {
    fc.assert(
      fc.property(dimsOf(op, 100), fc.integer({min: 1, max: 50}), (dims, more) => {
        const {flops, macs} = op.cost(dims)
        for (const [name, value] of Object.entries(dims)) {
          if (typeof value === 'boolean' || thins.test(name) || exceptions[op.kind]?.test(name)) continue
          const larger = op.cost({...dims, [name]: value + more} as Dims)
          expect(larger.flops, name).toBeGreaterThanOrEqual(flops)
          expect(larger.macs, name).toBeGreaterThanOrEqual(macs)
        }
      }),
    )
  })

  it('moves each tensor once: bytes are the sum over reads and writes, in any type', () => {
    fc.assert(
      fc.property(dimsOf(op, 100), (dims) => {
        const cost = op.cost(dims)
        const uses = [...cost.reads, ...cost.writes]
        const elements = (which: (use: TensorUse) => boolean) =>
          uses.filter(which).reduce((sum, use) => sum + use.elements, 0)
        const rest = elements((use) => ownType(use) === null)
        const own = 8 * elements((use) => ownType(use) === 'i64') + elements((use) => ownType(use) === 'int8')
        expect(compulsoryBytes(cost, 'f32')).toBe(4 * rest + own)
        expect(compulsoryBytes(cost, 'bf16')).toBe(2 * rest + own)
        const names = cost.reads.map((use) => use.name)
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })

  it('has a reference whose inputs and outputs are the tensors it counts', () => {
    fc.assert(
      fc.property(dimsOf(op, 4), fc.infiniteStream(fc.double({min: -3, max: 3, noNaN: true})), (dims, numbers) => {
        const cost = op.cost(dims)
        // tables are given whole, although the rows they are read for are what counts
        const rowsOfTable = Number(dims.vocab ?? dims.classes ?? 1)
        const inputs = cost.reads.map((use) => {
          const elements = use.role === 'weight' && dims.vocab ? rowsOfTable * Number(dims.width) : use.elements
          return Float64Array.from({length: elements}, () => {
            const value = numbers.next().value!
            return use.role === 'index' ? Math.floor(((value + 3) / 6.01) * rowsOfTable) : value
          })
        })
        const before = inputs.map((input) => Array.from(input))
        const outputs = op.reference!(dims, inputs)
        expect(outputs.map((y) => y.length)).toEqual(cost.writes.map((use) => use.elements))
        for (const y of outputs) expect(y.some(Number.isNaN)).toBe(false)
        // an oracle leaves its inputs alone
        expect(inputs.map((input) => Array.from(input))).toEqual(before)
      }),
      {numRuns: 40},
    )
  })
})
