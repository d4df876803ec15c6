import {describe, expect, it} from 'vitest'
import {bytesOf, type ComputeDType, dtypeBits, dtypes, parseDType, wider} from '../../src/analysis/dtype.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'

/** Exponent and mantissa bits: a type holds another's values where both are at least as long. */
const layout = {f64: [11, 52], f32: [8, 23], tf32: [8, 10], bf16: [8, 7], f16: [5, 10]} as const

describe('types', () => {
  it('widen to types that hold their values, narrowest first', () => {
    for (const [type, others] of Object.entries(wider) as [ComputeDType, readonly ComputeDType[]][]) {
      expect(others).not.toContain(type)
      let bits = 0
      for (const other of others) {
        expect(dtypeBits[other], `${type} → ${other}`).toBeGreaterThanOrEqual(dtypeBits[type])
        expect(dtypeBits[other]).toBeGreaterThanOrEqual(bits)
        bits = dtypeBits[other]
        if (!(type in layout) || !(other in layout)) continue
        const [from, to] = [layout[type as keyof typeof layout], layout[other as keyof typeof layout]]
        expect(to[0], `exponent of ${type} in ${other}`).toBeGreaterThanOrEqual(from[0])
        expect(to[1], `mantissa of ${type} in ${other}`).toBeGreaterThanOrEqual(from[1])
      }
    }
  })

  it.each([
    [1, 'f64', 8],
    [3, 'f32', 12],
    [3, 'tf32', 12],
    [3, 'bf16', 6],
    [3, 'fp8', 3],
    [3, 'int4', 2],
    [4, 'int4', 2],
    [0, 'int4', 0],
    [5, 'i64', 40],
  ] as const)('%i elements of %s are %i bytes', (elements, type, bytes) => {
    expect(bytesOf(elements, type)).toBe(bytes)
  })

  it.each([
    ['bfloat16', 'bf16'],
    ['torch.float16', 'f16'],
    ['FP32', 'f32'],
    [' half ', 'f16'],
    ['float8_e4m3fn', 'fp8'],
    ['i4', 'int4'],
    ...dtypes.map((type) => [type, type] as const),
  ] as const)('reads %s as %s', (text, type) => {
    expect(parseDType(text)).toBe(type)
  })

  it.each(['', 'f17', 'toString', 'i64', 'tf32'])('refuses %j, naming what is allowed', (text) => {
    const run = () => parseDType(text, '--kv-dtype')
    expect(run).toThrow(AnalysisError)
    expect(run).toThrow(`--kv-dtype "${text}" is not a known type`)
  })

  it.each(['constructor', '__proto__'])('refuses the property name %s', (text) => {
    expect(() => parseDType(text)).toThrow(AnalysisError)
  })
})
