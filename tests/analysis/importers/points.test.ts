import {readdirSync, readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {unitFactor} from '../../../src/analysis/importers/points/nsight.ts'
import {type PointOptions, parsePoints, pointFormats} from '../../../src/analysis/importers/points.ts'
import {failure} from '../support/failure.ts'

const folder = new URL('../../fixtures/points/', import.meta.url)
const fixture = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const read = (name: string, options: PointOptions = {}) => parsePoints(fixture(name), 'unknown', options)

const refused = (text: string, options: PointOptions = {}) => failure(() => parsePoints(text, 'unknown', options))

describe('every format', () => {
  const files = readdirSync(folder).filter((name) => name !== 'README.md')

  it.each(files)('%s is recognised under the name "unknown", by one format alone', (name) => {
    const text = fixture(name)
    const claimed = Object.values(pointFormats).filter(({sniff}) => sniff(text))
    expect(claimed.map(({id}) => name.startsWith(id))).toEqual([true])
    expect(parsePoints(`\uFEFF${text}`, 'unknown')).toEqual(parsePoints(text, 'unknown'))
    expect(parsePoints(text.replaceAll('\n', '\r\n'), 'unknown').points).toEqual(parsePoints(text, 'unknown').points)
  })

  it('every format has a fixture', () => {
    for (const {id} of Object.values(pointFormats)) expect(files.some((name) => name.startsWith(id))).toBe(true)
  })

  it('our own CSV is none of them, whatever its names are', () => {
    const text = 'name,flops,bytes,seconds\n"TABLE,Group 1 Metric,MEM",1,1,1\n"Kernel Name",1,1,1\n'
    expect(parsePoints(text, 'p').points.map(({name}) => name)).toEqual(['TABLE,Group 1 Metric,MEM', 'Kernel Name'])
  })

  it.each(files)('%s cut off anywhere gives sound points or one line with exit 3', (name) => {
    const text = fixture(name)
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(text.length),
        fc.constantFrom('', 'nan', '-1', '"', '1e999', ','),
        (at, from, put) => {
          for (const broken of [text.slice(0, at), text.slice(0, at) + put + text.slice(Math.max(at, from))])
            try {
              for (const {flops, bytes, seconds} of parsePoints(broken, 'unknown').points)
                expect([
                  flops! >= 0,
                  bytes! >= 0,
                  seconds > 0,
                  Number.isFinite(flops! + bytes! + seconds),
                ]).not.toContain(false)
            } catch (error) {
              expect(error).toBeInstanceOf(AnalysisError)
              expect((error as AnalysisError).exitCode).toBe(3)
              expect((error as AnalysisError).message).toMatch(/^unknown: /)
              expect((error as AnalysisError).message).not.toContain('\n')
            }
        },
      ),
      {numRuns: 300},
    )
  })
})

describe('Nsight Compute', () => {
  it('reads a row per launch: units, thousands, FMA as 2, means of repeated launches', () => {
    const {points, warnings} = read('nsight-raw.csv')
    expect(points.map(({name, count}) => [name, count])).toEqual([
      ['void gemm_tiled<float, 128>(float const*, float*, int)', 2],
      ['softmax(float*)', 1],
      ['half_scale grid (16, 1, 1), block (128, 1, 1)', 1],
      ['half_scale grid (32, 1, 1), block (128, 1, 1)', 1],
      ['mma_bf16', 1],
    ])
    const [gemm, softmax, half, , mma] = points
    // (12 MB + 11 MB) / 2, (20 + 30) / 2 us; 1,000 additions and 2,000,000 FMAs
    expect(gemm).toMatchObject({flops: 4_001_000, bytes: 11.5e6})
    expect(gemm!.seconds).toBeCloseTo(25e-6, 12)
    expect(softmax).toMatchObject({flops: 2e6 + 1e6 + 2e6, bytes: 8e6})
    // pairs: 2 × 100 + 4 × 1,000 + 2 × 10
    expect(half!.flops).toBe(4220)
    // the path's total; what sparsity splits it into is not added again
    expect(mma!.flops).toBe(8e9)
    expect(warnings.map(({code}) => code)).toEqual(['not-collected', 'packed-half'])
    expect(warnings[0]!.message).toContain('f64')
  })

  it('takes the bytes of the level that is asked for', () => {
    expect(read('nsight-raw.csv', {level: 'L2'}).points[0]!.bytes).toBe(50e6)
    expect(refused(fixture('nsight-raw.csv'), {level: 'L1'}).message).toContain('l1tex__t_bytes.sum is missing')
    expect(refused(fixture('nsight-raw.csv'), {level: 'L3'}).message).toContain('not of L3')
  })

  it('reads a row per metric', () => {
    const {points, warnings} = read('nsight-details.csv')
    expect(points).toEqual([{name: 'layers.mlp.up', flops: 1e10 + 2000, bytes: 1.25e9, seconds: 2e-3, count: 1}])
    expect(warnings.map(({message}) => message).join()).toContain('f32 and f16')
  })

  it('reads rates per cycle and per second, as --set roofline gives them', () => {
    const [saxpy] = read('nsight-roofline.csv').points
    // 1 us × 1.5 GHz = 1,500 cycles × (150 weighed FMA + 20 + 30); 800 GB/s × 1 us. derived__sm__ is the peak: not taken
    expect(saxpy!.flops).toBeCloseTo(300_000, 3)
    expect(saxpy!.bytes).toBeCloseTo(800_000, 3)
  })

  it('reads a summary per kernel', () => {
    const head = '"ID","Kernel Name","Invocations","Metric Name","Metric Unit","Minimum","Maximum","Average"\n'
    // without grid and block the kernel's name tells rows apart
    const row = (metric: string, unit: string, mean: string) =>
      `"","saxpy","10","${metric}","${unit}","1","9","${mean}"\n`
    const text = `${head}${row('gpu__time_duration.sum', 'ns', '100')}${row('dram__bytes.sum', 'Kbyte', '2')}${[
      'fadd',
      'fmul',
      'ffma',
    ]
      .map((op) => row(`sm__sass_thread_inst_executed_op_${op}_pred_on.sum`, 'inst', '3'))
      .join('')}`
    expect(parsePoints(text, 'p').points).toEqual([
      {name: 'saxpy', flops: 12, bytes: 2000, seconds: expect.closeTo(1e-7, 15), count: 10},
    ])
  })

  it('names what is missing and how to collect it', () => {
    const text = fixture('nsight-details.csv')
    const without = (part: string) =>
      text
        .split('\n')
        .filter((line) => !line.includes(part))
        .join('\n')
    const error = refused(without('dfma'))
    expect(error.message).toContain(
      'line 3: layers.mlp.up: sm__sass_thread_inst_executed_op_dfma_pred_on.sum is missing',
    )
    expect(error.suggestions[0]).toContain('ncu --csv --page raw --metrics gpu__time_duration.sum,dram__bytes.sum,')
    expect(refused(without('dram')).message).toContain('dram__bytes.sum is missing')
    expect(refused(without('time_duration')).message).toContain('gpu__time_duration.sum is missing')
    expect(refused(without('sass')).message).toContain('op_fadd_pred_on.sum, sm__sass_thread')
    expect(refused(text.replace('"2.00"', '"n/a"')).message).toContain('gpu__time_duration.sum is missing')
    // an analysis has the FLOPs and bytes
    expect(parsePoints(without('sass'), 'p', {joined: true}).points[0]).toMatchObject({flops: null, bytes: 1.25e9})
  })

  it('says that tensor cores worked and were not counted', () => {
    const text = fixture('nsight-details.csv').replace(
      'sm__warps_active.avg.pct_of_peak_sustained_active","%"',
      'sm__inst_executed_pipe_tensor.sum","inst"',
    )
    expect(parsePoints(text, 'p').warnings.map(({code}) => code)).toContain('tensor-not-counted')
  })

  const broken = (from: string | RegExp, to: string) => fixture('nsight-details.csv').replace(from, to)
  it.each([
    [broken('"1.25"', '"27.595.520"'), 'decimal comma'],
    [broken('"1.25"', '"65,77"'), 'decimal comma'],
    [broken('"1.25"', '"-1"'), 'is not a number 0 or more'],
    [broken('"1.25"', '"NaN"'), 'is not a number 0 or more'],
    [broken('"1.25"', '"1e999"'), 'is not a number 0 or more'],
    [broken('"Gbyte"', '"furlong"'), 'unit "furlong"'],
    [broken('"2.00"', '"0"'), 'took no time'],
    [broken(',"msecond","2.00"', ''), 'has 13 cells; the header has 15'],
    [broken(/"2.00"[\s\S]*/, '"2.00'), 'never closed'],
    [fixture('nsight-details.csv').split('\n').slice(0, 2).join('\n'), 'no kernel launches'],
  ])('refuses what is broken', (text, message) => {
    const error = refused(text)
    expect(error.message).toContain(message)
    expect(error.exitCode).toBe(3)
    expect(error.suggestions.length).toBeGreaterThan(0)
  })

  it('bounds names and keeps them apart', () => {
    const long = `void kernel<${'float, '.repeat(150_000)}int>`
    const text = fixture('nsight-details.csv').replaceAll('layers.mlp.up', long)
    const [point] = parsePoints(text, 'p').points
    expect(point!.name).toMatch(/^void kernel<float.*…$/)
    expect(point!.name.length).toBeLessThanOrEqual(200)
    const control = fixture('nsight-details.csv').replaceAll('layers.mlp.up', 'a\u001b[31m\u0007b')
    expect(parsePoints(control, 'p').points[0]!.name).toBe('a [31m b')
  })

  it('reads a hundred thousand launches in bounded time, and refuses too many kernels', () => {
    const [, , , , head, units, row] = fixture('nsight-raw.csv').split('\n')
    const many = `${head}\n${units}\n${`${row}\n`.repeat(100_000)}`
    expect(parsePoints(many, 'p').points).toMatchObject([{count: 100_000, flops: 4_001_000}])
    const kernels = Array.from({length: 10_001}, (_, i) => row!.replace('gemm_tiled', `k${i}`)).join('\n')
    expect(refused(`${head}\n${units}\n${kernels}`).message).toContain('more than 10000 different kernels')
  }, 30_000)

  it('knows the units that ncu prints', () => {
    const known: [string, number][] = [
      ['ns', 1e-9],
      ['nsecond', 1e-9],
      ['us', 1e-6],
      ['usecond', 1e-6],
      ['ms', 1e-3],
      ['msecond', 1e-3],
      ['s', 1],
      ['second', 1],
      ['byte', 1],
      ['Kbyte', 1e3],
      ['Mbyte', 1e6],
      ['Gbyte', 1e9],
      ['Gbyte/second', 1e9],
      ['Gbyte/s', 1e9],
      ['byte/nsecond', 1e9],
      ['inst', 1],
      ['Kinst', 1e3],
      ['inst/cycle', 1],
      ['cycle/nsecond', 1e9],
      ['Ghz', 1e9],
      ['hz', 1],
      ['', 1],
    ]
    for (const [unit, factor] of known) expect(unitFactor(unit), unit).toBeCloseTo(factor, 12 - Math.log10(factor))
    for (const unit of ['%', 'warp', 'Xbyte', 'byte/fortnight', '__proto__'])
      expect(unitFactor(unit), unit).toBeUndefined()
  })
})

describe('likwid', () => {
  it('reads -O: threads added, subsets and statistics left out, the mean of the calls', () => {
    const {points, warnings} = read('likwid-perfctr.csv')
    expect(points).toHaveLength(1)
    // 100 MFLOP/s × 0.2 s + 200 MFLOP/s × 0.25 s, and 1.5 GB, over 5 calls; the slower thread's time
    expect(points[0]).toMatchObject({name: 'copy, tiled', bytes: 0.3e9, seconds: 0.05, count: 5})
    expect(points[0]!.flops).toBeCloseTo(14e6, 3)
    expect(warnings).toEqual([])
  })

  it('reads tables, and FLOPs and bytes of two groups at the rate of each', () => {
    const {points, warnings} = read('likwid-perfctr.txt')
    // 1.5 GFLOP/s × 2 s; 40 GB in 4 s are 20 GB in the 2 s of the FLOPs
    expect(points).toEqual([{name: 'triad', flops: 3e9, bytes: 20e9, seconds: 2}])
    expect(warnings[0]).toMatchObject({code: 'two-groups', message: expect.stringContaining('FLOPS_DP and MEM')})
  })

  it('reads likwid-bench, several runs in a file', () => {
    expect(read('likwid-bench.txt').points).toEqual([
      {name: 'peakflops_sp, 32000 B, 1 thread', flops: 1.28e9, bytes: 0.32e9, seconds: 0.1},
      {name: 'load_avx512, 1000000000 B, 2 threads', flops: 0, bytes: 20e9, seconds: 1},
    ])
  })

  it('names what is missing and the group that has it', () => {
    const csv = fixture('likwid-perfctr.csv')
    const without = (text: string, part: RegExp) =>
      text
        .split('\n')
        .filter((line) => !part.test(line))
        .join('\n')
    const error = refused(without(csv, /MFLOP/))
    expect(error.message).toContain('copy, tiled: a rate in MFLOP/s is missing')
    expect(error.suggestions[0]).toContain('-g MEM_SP')
    expect(refused(without(csv, /data volume/)).message).toContain('Memory data volume [GBytes] is missing')
    expect(refused(without(csv, /Runtime/)).message).toContain('Runtime (RDTSC) [s] is missing')
    expect(refused(csv, {level: 'L2'}).message).toContain('L2 data volume [GBytes] is missing')
    const bench = fixture('likwid-bench.txt')
    expect(refused(without(bench, /^Time/)).message).toContain('run 1 (peakflops_sp): Time is missing')
    expect(refused(without(bench, /Flops:/)).message).toContain('Number of Flops is missing')
  })

  const csv = fixture('likwid-perfctr.csv')
  const bench = fixture('likwid-bench.txt')
  it.each([
    [csv.replace('SP [MFLOP/s],100,200', 'SP [MFLOP/s],-100,200'), 'SP [MFLOP/s] "-100"'],
    [csv.replace('SP [MFLOP/s],100,200', 'SP [MFLOP/s],inf,200'), 'SP [MFLOP/s] "inf"'],
    [csv.replace('SP [MFLOP/s],100,200', 'SP [MFLOP/s],100'), '1 values for 2 hardware threads'],
    [csv.replaceAll(/0\.2[05]0+/g, 'nan'), 'missing or 0'],
    [bench.replace('1.000000e-01', '0.000000e+00'), 'Time "0.000000e+00" is not a number above 0'],
    [bench.replace('1280000000', '-nan'), 'Number of Flops "-nan"'],
    [bench.replace('1280000000', '9'.repeat(400)), 'Number of Flops "999'],
    ['LIKWID MICRO BENCHMARK\n', 'Number of Flops is missing'],
  ])('refuses what is broken', (text, message) => {
    const error = refused(text)
    expect(error.message).toContain(message)
    expect(error.exitCode).toBe(3)
  })
})
