import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {placementSchema} from '../../src/analysis/document/placement.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {parsePoints, place, pointOf} from '../../src/analysis/place.ts'
import {failure} from './support/failure.ts'

const h100 = machines['h100-sxm']
const point = (flops: number, bytes: number, seconds: number, name = 'p') => ({name, flops, bytes, seconds})

describe('placing', () => {
  it('takes the fastest mix for the roof: a kernel that works in place is plausible', () => {
    const dram = h100.ceilings.find((c) => c.level === 'DRAM')!
    const machine = {
      ...h100,
      ceilings: [...h100.ceilings, {...dram, id: 'update', mix: 'update' as const, value: 2 * dram.value}],
    }
    const [inPlace] = place([point(1e9, 1.5 * dram.value, 1)], machine, {dtype: 'bf16'}).result.points
    expect(inPlace).toMatchObject({bound: 'update', verdict: 'ok'})
    const [beyond] = place([point(1e9, 3 * dram.value, 1)], machine, {dtype: 'bf16'}).result.points
    expect(beyond!.verdict).toBe('implausible')
  })

  const one = (...args: Parameters<typeof point>) => place([point(...args)], h100, {dtype: 'bf16'}).result.points[0]!

  it('left of the ridge memory binds, right of it compute', () => {
    // 3.35 GB in 2 ms: half of 3,350 GB/s; 10 FLOP/B
    expect(one(33.5e9, 3.35e9, 2e-3)).toEqual({
      name: 'p',
      flops: 33.5e9,
      bytes: 3.35e9,
      seconds: 2e-3,
      dtype: 'bf16',
      intensity: 10,
      attainable: 33.5e12,
      achieved: 16.75e12,
      bandwidth: 1.675e12,
      least: 1e-3,
      efficiency: 0.5,
      bound: 'dram',
      verdict: 'ok',
    })
    expect(one(989.4e12, 1e9, 2)).toMatchObject({attainable: 989.4e12, efficiency: 0.5, bound: 'matrix-bf16'})
  })

  it('rates of integers are OP/s where a point contradicts its roof', () => {
    const [fast] = place([point(4e15, 1e9, 1)], h100, {dtype: 'int8'}).result.points
    expect(fast).toMatchObject({dtype: 'int8', verdict: 'implausible'})
    expect(fast!.reason).toMatch(/^202\.1 % of the roof: 4 POP\/s exceed matrix-int8 \(1\.98 POP\/s\)/)
    expect(one(4e15, 1e9, 1).reason).toMatch(/4 PFLOP\/s exceed matrix-bf16 \(989 TFLOP\/s\)/)
  })

  it('pure copies have no FLOP/s, pure arithmetic no bandwidth', () => {
    expect(one(0, 3.35e9, 1e-3)).toMatchObject({
      intensity: 0,
      attainable: null,
      achieved: null,
      efficiency: 1,
      bound: 'dram',
    })
    expect(one(1e12, 0, 1)).toMatchObject({
      intensity: null,
      attainable: 989.4e12,
      bandwidth: null,
      bound: 'matrix-bf16',
    })
  })

  it('above 101 % of the roof a point is implausible, with a reason', () => {
    const {result, warnings} = place(
      [point(0, 3.35e9, 1e-3 / 1.009, 'fine'), point(0, 3.35e9, 0.5e-3, 'cached'), point(2e15, 1, 1, 'mac')],
      h100,
      {dtype: 'bf16'},
    )
    expect(placementSchema.parse(result)).toEqual(result)
    expect(result.points.map((p) => p.verdict)).toEqual(['ok', 'implausible', 'implausible'])
    expect(result.points[1]!.reason).toMatch(/^200.0 % of the roof: 6.7 TB\/s exceed dram .*cache/)
    expect(result.points[2]!.reason).toContain('1 MAC = 2 FLOP')
    expect(warnings.map((w) => w.code)).toEqual(['implausible', 'implausible'])
  })

  it('a type, an engine and a level choose the roof', () => {
    expect(place([point(1, 1, 1)], h100, {dtype: 'f32'}).result.roof.compute.id).toBe('vector-f32')
    const vector = place([point(1, 1, 1)], h100, {dtype: 'bf16', engine: 'vector'}).result.roof
    expect(vector.compute.id).toBe('vector-bf16')
    expect(vector.ridge).toBeCloseTo(133.8e12 / 3350e9, 9)
    expect(failure(() => place([point(1, 1, 1)], h100, {level: 'L2'})).code).toBe('bad-flag')
    expect(failure(() => place([], h100)).code).toBe('bad-points')
    expect(failure(() => place([point(1e300, 1, 1e-300)], h100)).code).toBe('bad-points')
  })

  it('efficiency is the roofline, and scales with the time', () => {
    const positive = fc.double({min: 1, max: 1e18, noNaN: true})
    const time = fc.double({min: 1e-9, max: 1e3, noNaN: true})
    fc.assert(
      fc.property(positive, positive, time, (flops, bytes, seconds) => {
        const p = one(flops, bytes, seconds)
        expect(p.efficiency).toBeCloseTo(p.achieved! / p.attainable!, 6 - Math.ceil(Math.log10(p.efficiency + 1)))
        expect(one(flops, bytes, seconds * 2).efficiency).toBeCloseTo(
          p.efficiency / 2,
          9 - Math.ceil(Math.log10(p.efficiency + 1)),
        )
        expect(p.verdict === 'implausible').toBe(p.seconds < p.least / 1.01)
      }),
    )
  })
})

describe('points from a file', () => {
  it.each([
    ['CSV', 'name,flops,bytes,seconds\ngemm,2e12,1e9,0.01\nsoftmax,5e6,8e6,1e-5\n'],
    [
      'CSV, columns in another order, one more, Windows line ends',
      'seconds,note,Name,FLOPs,Bytes\r\n0.01,x,gemm,2e12,1e9\r\n1e-5,,softmax,5e6,8e6\r\n',
    ],
    [
      'CSV with units and quotes',
      '"name",flops,bytes,seconds\n"gemm","2 TFLOP",1 GB,10 ms\nsoftmax,5 MFLOP,8 MB,10 us',
    ],
    [
      'JSON',
      '[{"name":"gemm","flops":2e12,"bytes":1e9,"seconds":0.01},{"name":"softmax","flops":5e6,"bytes":8e6,"seconds":1e-5}]',
    ],
    [
      'JSON object',
      '{"points":[{"name":"gemm","flops":"2e12","bytes":"1 GB","seconds":0.01},{"name":"softmax","flops":5e6,"bytes":8e6,"seconds":"10 us"}]}',
    ],
  ])('%s', (_, text) => {
    const [a, b] = parsePoints(text, 'p').points
    expect(a).toEqual(point(2e12, 1e9, 0.01, 'gemm'))
    expect(b!.name).toBe('softmax')
    expect(b!.seconds).toBeCloseTo(1e-5, 15)
  })

  it('keeps commas, quotes and line breaks inside quotes; names what has no name', () => {
    expect(parsePoints('name,flops,bytes,seconds\n"a, ""b""",1,1,1', 'p').points[0]!.name).toBe('a, "b"')
    expect(parsePoints('\uFEFFflops,bytes,seconds\n1,1,1\n\n2,2,2\n', 'p').points.map((p) => p.name)).toEqual([
      'point 1',
      'point 2',
    ])
  })

  it.each([
    ['', 'p: is empty'],
    ['name,flops,bytes,seconds\n', 'p: has no points'],
    ['name,flops,bytes\na,1,1', 'p: line 1: the header has no column seconds'],
    ['flops,flops,bytes,seconds\n1,1,1,1', 'twice'],
    ['name,flops,bytes,seconds\na,1,1', 'p: line 2: has 3 cells; the header has 4'],
    ['name,flops,bytes,seconds\na,1,1,1\nb,x,1,1', 'p: line 3: flops "x" is not a number 0 or more in FLOP'],
    ['name,flops,bytes,seconds\n"a\nb",1,1,1', 'control characters'],
    ['name,flops,bytes,seconds\n\n\nb,-1,1,1', 'p: line 4: flops "-1"'],
    ['name,flops,bytes,seconds\nb,1,1,0', 'seconds "0" is not a number above 0 in s'],
    ['name,flops,bytes,seconds\nb,1,1,1 GB', 'seconds "1 GB"'],
    ['name,flops,bytes,seconds\nb,0,0,1', 'nothing to place'],
    ['name,flops,bytes,seconds\nb,1e999,0,1', 'flops "1e999"'],
    ['name,flops,bytes,seconds\n"b,1,1,1', 'never closed'],
    ['[1]', 'p: points[0]: 1 is not an object'],
    ['[{"flops":1,"bytes":1}]', 'p: points[0]: seconds is missing'],
    ['[{"flops":null,"bytes":1,"seconds":1}]', 'flops null is not a number'],
    ['[{"flops":[],"bytes":1,"seconds":1}]', 'flops an array'],
    ['[{"name":7,"flops":1,"bytes":1,"seconds":1}]', 'name 7 is not a text'],
    ['{"points":7}', 'neither an array'],
    ['{"__proto__":{"points":[]}}', 'neither an array'],
    ['[]', 'has no points'],
  ])('refuses %j', (text, message) => {
    const error = failure(() => parsePoints(text, 'p'))
    expect(error.code).toBe('bad-points')
    expect(error.exitCode).toBe(3)
    expect(error.message).toContain(message)
  })

  it('bounds what it reads', () => {
    const many = `flops,bytes,seconds\n${'1,1,1\n'.repeat(10_001)}`
    expect(failure(() => parsePoints(many, 'p')).message).toContain('more than 10000 points')
    expect(failure(() => parsePoints(' '.repeat(128 * 2 ** 20 + 1), 'p')).message).toContain('characters')
    expect(failure(() => parsePoints('{"points": [', 'p')).code).toBe('bad-json')
  })

  it('any text gives sound points or an error that names the place', () => {
    const cell = fc.oneof(
      fc.string({maxLength: 6}),
      fc.double().map(String),
      fc.constantFrom('"', ',', '\n', '1', 'flops'),
    )
    const text = fc.oneof(
      fc.string({maxLength: 200}),
      fc.json(),
      fc.array(cell, {maxLength: 20}).map((c) => `flops,bytes,seconds\n${c.join(',')}`),
    )
    fc.assert(
      fc.property(text, (t) => {
        try {
          for (const p of parsePoints(t, 'p').points) {
            expect([
              p.flops! >= 0,
              p.bytes! >= 0,
              p.seconds > 0,
              Number.isFinite(p.flops! + p.bytes! + p.seconds),
            ]).not.toContain(false)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(AnalysisError)
          expect((error as AnalysisError).message.startsWith('p: ')).toBe(true)
        }
      }),
      {numRuns: 500},
    )
  })

  it('one point from flags', () =>
    expect(pointOf({flops: '2 TFLOP', bytes: '1e9', seconds: '10 ms'}, 'flags', 'measured')).toEqual(
      point(2e12, 1e9, 0.01, 'measured'),
    ))
})
