import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {
  type BaseUnit,
  baseUnits,
  echoed,
  format,
  formatCapacity,
  formatCount,
  formatShare,
  parseQuantity,
  parseUnit,
} from '../../src/analysis/units.ts'

const prefixes = {'': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18} as const

describe('parseUnit', () => {
  it('reads every base unit under every decimal prefix', () => {
    for (const base of baseUnits)
      for (const [prefix, scale] of Object.entries(prefixes))
        expect(parseUnit(`${prefix}${base}`), `${prefix}${base}`).toEqual({scale, base})
  })

  it.each([
    ['TB/s', 1e12, 'B/s'],
    ['KB', 1e3, 'B'],
    ['KiB', 1024, 'B'],
    ['GiB/s', 2 ** 30, 'B/s'],
    ['PiB', 2 ** 50, 'B'],
    ['TFLOPS', 1e12, 'FLOP/s'],
    ['GFLOPs', 1e9, 'FLOP'],
    ['GFLOPs/s', 1e9, 'FLOP/s'],
    ['TOPS', 1e12, 'OP/s'],
    ['OPs', 1, 'OP'],
    ['us', 1e-6, 's'],
    ['µs', 1e-6, 's'],
    ['ms', 1e-3, 's'],
    ['ns', 1e-9, 's'],
    ['ps', 1e-12, 's'],
    ['GHz', 1e9, 'Hz'],
  ] as const)('%s is %f %s', (text, scale, base) => {
    expect(parseUnit(text)).toEqual({scale, base})
  })

  it.each([
    '',
    'b',
    'KIB',
    'Kib',
    'mB',
    'uB/s',
    'KiFLOP/s',
    'constructorB',
    '__proto__B',
    'toStrings',
    'T B',
    'TB/h',
    'flops',
  ])('knows no unit %j', (text) => {
    expect(parseUnit(text)).toBeUndefined()
  })
})

describe('parseQuantity', () => {
  it.each([
    ['3.35 TB/s', 'B/s', 3.35e12],
    ['  80GB ', 'B', 80e9],
    ['32 KiB', 'B', 32_768],
    ['1.5 MiB', 'B', 1_572_864],
    ['989.4 TFLOP/s', 'FLOP/s', 989.4e12],
    ['4.5 us', 's', 4.5e-6],
    ['1,024 B', 'B', 1024],
    ['1_000_000 B', 'B', 1e6],
    ['2.039e3 GB/s', 'B/s', 2.039e12],
    ['1E3 B', 'B', 1000],
    ['1 EB', 'B', 1e18],
    ['0 B', 'B', 0],
    ['-5 W', 'W', -5],
    ['+5 W', 'W', 5],
  ] as const)('%s is a number in %s', (text, unit, value) => {
    expect(parseQuantity(text, unit)).toBe(value)
  })

  it('does not round what decimal digits say: 3.35 T is 3.35e12', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 0, max: 99_999}),
        fc.integer({min: 0, max: 4}),
        fc.constantFrom(...Object.entries(prefixes)),
        (digits, places, [prefix, scale]) => {
          const text = (digits / 10 ** places).toFixed(places)
          const exact = Number(`${text}e${Math.round(Math.log10(scale))}`)
          expect(parseQuantity(`${text} ${prefix}B/s`, 'B/s')).toBe(exact)
        },
      ),
    )
  })

  it.each([
    ['3.35', 'B/s'],
    ['TB/s', 'B/s'],
    ['', 'B'],
    ['3.35 TB/s', 'FLOP/s'],
    ['1 TB', 'B/s'],
    ['1..2 B', 'B'],
    ['1,00 B', 'B'],
    ['1 2 B', 'B'],
    ['.5 B', 'B'],
    ['0x10 B', 'B'],
    ['NaN B', 'B'],
    ['Infinity B', 'B'],
    ['1e400 B', 'B'],
    ['1e300 EB', 'B'],
    ['１ B', 'B'],
    ['1 constructor', 'B'],
    ['1 B\u0000', 'B'],
  ] as const)('refuses %j as %s, naming the value and an example', (text, unit) => {
    let error: unknown
    try {
      parseQuantity(text, unit)
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(AnalysisError)
    const {code, message, suggestions} = error as AnalysisError
    expect(code).toBe('bad-quantity')
    expect(message).toContain(unit)
    expect(message).toContain(JSON.stringify(text.slice(0, 20)).slice(1, -1))
    expect(suggestions[0]).toContain(`"3.35 T${unit}"`)
  })

  it('answers any text with a finite number or an AnalysisError', () => {
    const hostile = fc.oneof(
      fc.string({unit: 'binary'}),
      fc.tuple(fc.double(), fc.string(), fc.constantFrom(...baseUnits)).map(([n, s, u]) => `${n} ${s}${u}`),
    )
    fc.assert(
      fc.property(hostile, fc.constantFrom(...baseUnits), (text, unit) => {
        try {
          expect(Number.isFinite(parseQuantity(text, unit))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(AnalysisError)
        }
      }),
      {numRuns: 2000},
    )
  })

  it('does not take long for long texts', () => {
    // a pattern that backtracks would need more than the age of the universe
    for (const text of [
      `${'1,111'.repeat(20_000)}!`,
      `${'1 '.repeat(50_000)}B`,
      ' '.repeat(100_000),
      `${'9'.repeat(400)} B`,
    ])
      expect(() => parseQuantity(text, 'B')).toThrow(AnalysisError)
  })
})

describe('format', () => {
  it.each([
    [3.35e12, 'B/s', '3.35 TB/s'],
    [12.4e-6, 's', '12.4 µs'],
    [0, 'B', '0 B'],
    [1, 's', '1 s'],
    [999.4, 'B', '999 B'],
    [999.96, 'B', '1 kB'],
    [999_999, 'FLOP', '1 MFLOP'],
    [0.0009999, 's', '1 ms'],
    [0.99999, 's', '1 s'],
    [1500, 's', '1500 s'],
    [5e-13, 's', '0.5 ps'],
    [0.25, 'FLOP/B', '0.25 FLOP/B'],
    [-2.5e9, 'B', '-2.5 GB'],
    [2e21, 'B', '2000 EB'],
    [1234, '', '1.23 k'],
    [null, 'B', '–'],
    [undefined, 'B', '–'],
    [Number.NaN, 'B', '–'],
    [Number.POSITIVE_INFINITY, 's', '–'],
  ] as const)('%d %s is %s', (value, unit, text) => {
    expect(format(value, unit)).toBe(text)
  })

  it('is read back as the value, to the digits shown', () => {
    const units: BaseUnit[] = ['B', 'FLOP/s', 's', 'W']
    fc.assert(
      fc.property(
        fc.double({min: 1e-11, max: 9e20, noNaN: true}),
        fc.constantFrom(...units),
        fc.integer({min: 3, max: 6}),
        (value, unit, digits) => {
          // only seconds have prefixes below 1
          fc.pre(unit === 's' ? value < 1e3 : value >= 1)
          const back = parseQuantity(format(value, unit, digits), unit)
          expect(Math.abs(back - value) / value).toBeLessThanOrEqual(0.5 * 10 ** (1 - digits) * (1 + 1e-9))
        },
      ),
      {numRuns: 1000},
    )
  })

  it('shows no more than three digits before the point', () => {
    fc.assert(
      fc.property(fc.double({min: 1, max: 9.99e20, noNaN: true}), (value) => {
        expect(Number.parseFloat(format(value, 'B'))).toBeLessThan(1000)
      }),
    )
  })
})

describe('the other forms', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [32 * 2 ** 20, '32 MiB'],
    [80e9, '74.5 GiB'],
    [2 ** 40, '1 TiB'],
    [2 ** 52, '4096 TiB'],
    [null, '–'],
  ] as const)('capacity of %d bytes: %s', (bytes, text) => {
    expect(formatCapacity(bytes)).toBe(text)
  })

  it('counts exactly', () => {
    expect(formatCount(8_030_261_248)).toBe('8,030,261,248')
    expect(formatCount(Number.MAX_SAFE_INTEGER)).toBe('9,007,199,254,740,991')
    // above 2^53 a count is a rounded one, and its last digits would be made up
    expect(formatCount(2 ** 60)).toBe('about 1,152,921,504,606,850,000')
    expect(formatCount(-(2 ** 60))).toBe('about -1,152,921,504,606,850,000')
    expect(formatCount(1e21)).toBe('about 1,000,000,000,000,000,000,000')
    expect(echoed(2 ** 60)).toBe('about 1.15e+18')
    expect(echoed(-(2 ** 53) - 2)).toBe('about -9.01e+15')
    expect([0, -3, 1.5, Number.MAX_SAFE_INTEGER, Number.NaN, Number.POSITIVE_INFINITY].map(echoed)).toEqual([
      ...['0', '-3', '1.5', '9007199254740991', 'NaN', 'Infinity'],
    ])
  })

  it.each([
    [0.12345, '12.3 %'],
    [0.0123, '1.23 %'],
    [1, '100.0 %'],
    [0, '0.00 %'],
    [4e-5, '< 0.01 %'],
    [6e-5, '0.01 %'],
    [0.09949, '9.95 %'],
    [0.0999, '10.0 %'],
    [null, '–'],
  ] as const)('share %d: %s', (value, text) => {
    expect(formatShare(value)).toBe(text)
  })
})
