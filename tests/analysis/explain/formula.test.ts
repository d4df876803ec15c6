import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {findOperator} from '../../../src/analysis/catalog.ts'
import {completeDims} from '../../../src/analysis/explain/dims.ts'
import {evaluateFormula, namesIn, parseFormula, substitute, termsOf} from '../../../src/analysis/explain/formula.ts'
import {ops} from '../../../src/analysis/ops/index.ts'
import type {Dim, Dims} from '../../../src/analysis/ops/types.ts'

const value = (text: string, values: Record<string, number | boolean> = {}) =>
  evaluateFormula(parseFormula(text), values)

describe('the grammar', () => {
  it.each([
    ['0', 0],
    ['2·3·4', 24],
    ['2*3 + 4', 10],
    ['2 + 3·4', 14],
    ['(2 + 3)·4', 20],
    ['10 − 2 − 3', 5],
    ['10 - 2·3', 4],
    ['12/2/3', 2],
    ['s·(s+1)/2', 55],
    ['bias·7', 7],
    ['((3))', 3],
  ])('%s = %i', (text, result) => expect(value(text, {s: 10, bias: true})).toBe(result))

  it.each(['', '2·', '·2', '(2', '2)', '2 3', '2 ^ 3', '2..3', 'a b', '+2'])('refuses %j', (text) =>
    expect(() => parseFormula(text)).toThrow(/cannot be read/))

  it('names what has no value, and no name out of a prototype', () => {
    expect(() => value('m·n', {m: 1})).toThrow(/needs "n"/)
    expect(() => value('constructor')).toThrow(/needs "constructor"/)
  })

  it('what is printed with the numbers computes to the same', () => {
    const leaf = fc.oneof(fc.integer({min: 0, max: 99}).map(String), fc.constantFrom('a', 'b', 'longName'))
    const {tree} = fc.letrec<{tree: string}>((tie) => ({
      tree: fc.oneof(
        {maxDepth: 4},
        leaf,
        fc.tuple(tie('tree'), fc.constantFrom('+', '−', '·'), tie('tree')).map(([l, sign, r]) => `(${l} ${sign} ${r})`),
      ),
    }))
    const values = {a: 3, b: 12_345, longName: true}
    fc.assert(
      fc.property(tree, (text) => {
        const e = parseFormula(text)
        // + 0: a product of 0 and a negative term is −0, which prints as 0
        const result = evaluateFormula(e, values) + 0
        fc.pre(Math.abs(result) < 2 ** 53)
        const again = (shown: string) => evaluateFormula(parseFormula(shown.replaceAll(',', '')), {}) + 0
        // a leading minus is no part of the grammar: terms that come out negative are not printed by any operator
        if (!/(^|[^\d)] ?)-\d/.test(substitute(e, values))) expect(again(substitute(e, values))).toBe(result)
        if (!termsOf(e, values).includes('-')) expect(again(termsOf(e, values))).toBe(result)
      }),
    )
  })
})

/** Dims of an operator at random, completed by its rules so that they can be together. */
function dimsOf(example: Dims): fc.Arbitrary<Record<string, Dim>> {
  const one = ([name, dim]: [string, Dim]): [string, fc.Arbitrary<Dim>] => {
    if (typeof dim === 'boolean') return [name, fc.boolean()]
    return [name, fc.integer({min: name === 'cached' ? 0 : 1, max: 300})]
  }
  return fc.record(Object.fromEntries(Object.entries(example).map(one))) as fc.Arbitrary<Record<string, Dim>>
}

function repaired(dims: Record<string, Dim>): Record<string, Dim> {
  const d = {...dims}
  if ('heads' in d && 'kvHeads' in d) d.heads = (d.kvHeads as number) * (1 + ((d.heads as number) % 8))
  if ('headDim' in d) d.headDim = (d.headDim as number) * 2
  if ('kept' in d) d.kept = Math.min(d.kept as number, (d.rows as number) * (d.cols as number))
  if ('distinct' in d) d.distinct = Math.min(d.distinct as number, d.rows as number)
  if ('groups' in d) {
    d.groups = 1 + ((d.groups as number) % 4)
    for (const name of ['channels', 'filters']) if (name in d) d[name] = (d[name] as number) * (d.groups as number)
  }
  if ('tile' in d) d.tile = (d.tile as number) % 2 ? 2 : 4
  for (const [size, axis] of Object.entries({depth: 'Depth', height: 'Height', width: 'Width'})) {
    if (!(`kernel${axis}` in d)) continue
    for (const name of [`kernel${axis}`, `dilation${axis}`]) if (name in d) d[name] = 1 + ((d[name] as number) % 5)
    d[size] = (d[size] as number) + 20
    // a transposed convolution cuts its padding off its output
    if (`pad${axis}` in d) d[`pad${axis}`] = (d[`pad${axis}`] as number) % 10
  }
  return d
}

describe.each(Object.keys(ops))('%s', (kind) => {
  const op = findOperator(kind)
  const expression = parseFormula(op.formula)

  it('every name of its formula is a dim or derived from them', () => {
    const dims = op.examples[0]!.dims
    const known = [...Object.keys(dims), ...Object.keys(op.derived?.(dims) ?? {})]
    for (const name of namesIn(expression)) expect(known).toContain(name)
  })

  it('its formula computes its FLOPs, for any dims', () => {
    fc.assert(
      fc.property(dimsOf(op.examples[0]!.dims), (random) => {
        const dims = completeDims(op, repaired(random))
        expect(evaluateFormula(expression, {...dims, ...op.derived?.(dims)})).toBe(op.cost(dims).flops)
      }),
    )
  })
})
