import {describe, expect, it} from 'vitest'
import {benchSheets, benchText} from '../../../reports/text/bench.ts'
import type {BenchKernel} from '../../../src/analysis/document/bench.ts'

const inTurn = {ceilings: [], bound: 'nt-copy-DRAM-t2', attainable: 1, efficiency: 0.991, efficiencyMedian: 0.967}
const kernel = (id: string, dims: readonly number[], more: Partial<BenchKernel> = {}): BenchKernel => ({
  id,
  op: id,
  dims: Object.fromEntries(dims.map((size, i) => [`d${i}`, size])),
  ...{dtype: 'f32', isa: 'avx512', threads: 2, flops: 2e9, bytes: 1e9, intensity: 2, bound: 'fma-f32-avx512-t2'},
  ...{seconds: {min: 0.01, median: 0.011, max: 0.02, cv: 0.1}, flopsPerSecond: 2e11, bytesPerSecond: 1e11},
  ...{attainable: 2.5e11, efficiency: 0.8, efficiencyMedian: 0.7, inTurn: null, maxError: 4e-6, counters: null},
  ...{verdict: 'ok' as const},
  ...more,
})
/** The longest names, dims and bounds that there are, and one name at two sizes and in three types. */
const kernels = [
  kernel('gemm', [192, 192, 192]),
  kernel('gemm', [2048, 2048, 2048]),
  kernel('gemm', [192, 192, 192], {dtype: 'int8', bound: 'dot-int8-avx512-t2', maxError: 0}),
  kernel('dequantize-int8+gemv', [8192, 8192], {inTurn, bound: 'nt-copy-DRAM-t2', verdict: 'implausible', reason: 'x'}),
  kernel('conv+batchnorm+relu', [8, 64, 64, 1, 56, 56, 3, 1, 1, 2, 0], {bound: 'fma-f32-avx512-t2+functions'}),
  kernel('transpose', [1, 4096, 8192], {flops: 0, flopsPerSecond: 0, intensity: 0}),
]
const text = (width: number, shown = kernels) => benchText({kernels: shown}, {color: false, width})
const line = (width: number, start: RegExp) =>
  text(width)
    .split('\n')
    .find((each) => start.test(each))!

describe('measured kernels in the terminal', () => {
  it.each([40, 60, 80, 100, 120, 160])('fit %i columns', (width) => {
    for (const each of text(width).split('\n')) expect(each.length, each).toBeLessThanOrEqual(width)
  })

  it.each([
    40, 60, 80, 100, 120, 160, 240,
  ])('explain on %i columns the columns that are there, and no others', (width) => {
    const [table, note] = text(width).split('\n\n') as [string, string]
    const titles = table.split('\n')[0]!
    const said = note.replace(/\s+/g, ' ')
    for (const name of ['in turn', 'by turns'])
      expect(new RegExp(`\\b${name}:`, 'i').test(said), name).toBe(titles.includes(name))
    expect(text(240).replace(/\s+/g, ' ')).toMatch(/In turn: under [^;]+; by turns: median/)
  })

  it('say how far results are from their reference, and how far they may be', () => {
    const said = (...errors: [string, number, number][]) =>
      text(
        240,
        errors.map(([id, maxError, tolerance]) => kernel(id, [8], {maxError, tolerance})),
      )
    expect(said(['a', 4e-6, 1e-5])).toContain('f64 reference: an error of 4e-6, 0.00001 is allowed.')
    // the nearest to what it is allowed, not the largest
    expect(said(['a', 4e-6, 1e-5], ['b', 8e-6, 1e-4], ['c', 0, 0])).toContain('reference: a: an error of 4e-6, 0.00001')
    expect(said(['c', 0, 0])).toContain('f64 reference: no difference.')
    expect(text(240)).toContain('f64 reference. The roof')
  })

  it('say which size and type a row is of on 80 columns, and what binds it on 120', () => {
    expect(line(80, /^gemm +2048/)).toMatch(/^gemm +2048×2048×2048 +200 GFLOP\/s +80\.0 %/)
    expect(text(80, kernels.slice(0, 3))).toMatch(/^gemm +2048×2048×2048 +f32 .*200 GFLOP\/s/m)
    expect(line(80, /gemv/)).toMatch(/^dequ\S+gemv +8192×8192 /)
    for (const title of ['dims', 'type', 'rate', 'of the roof', 'in turn', 'bound by', 'verdict'])
      expect(line(120, /^kernel/)).toContain(title)
    expect(line(120, /^conv/)).toMatch(/fma f32\+functions +ok$/)
  })

  it('say in a narrow terminal, too, which run was disturbed, and which type it is of', () => {
    const several = [
      kernel('gemm', [64], {verdict: 'noisy', reason: 'x'}),
      kernel('gemm', [64], {dtype: 'int8', verdict: 'wrong', reason: 'x'}),
      kernel('relu', [64]),
      kernel('gemm', [2048], {verdict: 'throttled', reason: 'x'}),
    ]
    // from here on names with their types leave no room for verdicts, and at last there is a column for each
    for (let width = 46; width < 100; width++) {
      const titles = text(width, several).split('\n')[0]!
      expect(/~80\.0 %/.test(text(width, several)), `${width}`).toBe(!titles.includes('verdict'))
      expect(/^gemm int8/m.test(text(width, several)), `${width}`).toBe(!titles.includes('type'))
    }
    const narrow = text(46, several)
    expect(narrow.split('\n').slice(2, 6)).toEqual([
      expect.stringMatching(/^gemm f32 +64 .* ~80\.0 %$/),
      expect.stringMatching(/^gemm int8 +64 .* !80\.0 %$/),
      expect.stringMatching(/^relu +64 .* 80\.0 %$/),
      expect.stringMatching(/^gemm +2048 .* ~80\.0 %$/),
    ])
    expect(narrow.replace(/\s+/g, ' ')).toContain('~: noisy or throttled. !: wrong.')
    expect(text(46, [kernel('relu', [64])])).not.toMatch(/~|!/)
    // where there are columns for both, nothing else says it
    expect(text(120, several)).not.toMatch(/~|!|gemm (f32|int8) +64/)
    const [[, sheet]] = benchSheets({kernels: several}) as [[string, ReturnType<typeof benchSheets>[0][1]]]
    expect(sheet.text[0]!.slice(0, 2)).toEqual(['gemm', '64'])
  })

  it('rate integers in OP/s and what only moves data in B/s, as the ceilings are', () => {
    expect(line(120, /int8 .*dot int8/)).toContain('200 GOP/s')
    expect(line(120, /^transpose/)).toContain('100 GB/s')
  })

  it('are told apart in CSV and Markdown', () => {
    const [[, sheet]] = benchSheets({kernels}) as [[string, ReturnType<typeof benchSheets>[0][1]]]
    for (const key of ['dtype', 'bytes_per_second', 'bound']) expect(sheet.keys).toContain(key)
    const named = sheet.raw.map((row) => ['id', 'dims', 'dtype'].map((key) => row[sheet.keys.indexOf(key)]).join(' '))
    expect(new Set(named).size).toBe(kernels.length)
    expect(sheet.raw[4]![sheet.keys.indexOf('bound')]).toBe('fma-f32-avx512-t2+functions')
    const errors = sheet.text.map((row) => row[sheet.keys.indexOf('max_error')])
    expect(errors.slice(0, 3)).toEqual(['4e-6', '4e-6', '0'])
  })

  it('say in words why there are no counters', () => {
    const of = (countersReason: string) => text(200, [kernel('add', [7], {countersReason})]).replace(/\s+/g, ' ')
    expect(of('No such file or directory')).toContain('No hardware counters here: this processor offers none')
    expect(of('Permission denied')).toContain('perf_event_paranoid')
    expect(of('Function not implemented')).toContain('the system says "Function not implemented"')
  })

  it('name the adapter that ran them, and an error that is no number', () => {
    const {isa: _, ...gpu} = kernel('mine', [7], {adapter: 'SwiftShader (software)', maxError: Number.MAX_VALUE})
    expect(text(60, [gpu])).toContain('Ran on SwiftShader (software).')
    expect(text(200, [gpu])).toMatch(/adapter.*\n.*\n.*not finite/)
    expect(text(200)).not.toContain('Ran on')
  })
})
