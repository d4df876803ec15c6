import {describe, expect, test} from 'vitest'
import {ceilingSchema} from '../../src/analysis/document/machine.ts'
import {besideShort, judgeCurve, measureSustained, remainsOf} from '../../src/kernels/sustain.ts'

describe('a sustained load', () => {
  test('has a curve over its whole time and a valid ceiling', async () => {
    const seen: number[] = []
    const {curve, peak, remains, ceiling} = await measureSustained({
      seconds: 1.2,
      threads: 1,
      onProgress: (done) => seen.push(done),
    })
    expect(() => ceilingSchema.parse(ceiling)).not.toThrow()
    expect(curve.length).toBeGreaterThanOrEqual(1) // a crowded machine may need the whole second for one point
    expect(curve.at(-1)!.seconds).toBeGreaterThanOrEqual(1.2)
    expect(curve.every((p, i) => i === 0 || p.seconds > curve[i - 1]!.seconds)).toBe(true)
    expect(remains).toBeLessThanOrEqual(peak)
    expect(ceiling.value).toBe(remains)
    expect(seen.at(-1)).toBe(1.2)
  }, 30_000)

  test('what remains is the last third, not the cool start', () => {
    const curve = [100, 100, 100, 80, 72, 70, 70, 71, 70].map((g, i) => ({
      seconds: i,
      flopsPerSecond: g * 1e9,
      clockHz: null,
    }))
    expect(remainsOf(curve)).toEqual({peak: 100e9, remains: 70e9})
    const falling = [100, 100, 100, 90, 80, 70].map((rate) => ({seconds: 1, flopsPerSecond: rate, clockHz: null}))
    expect(remainsOf(falling)).toEqual({peak: 100, remains: 75})
    expect(remainsOf(curve.slice(0, 1))).toEqual({peak: 100e9, remains: 100e9})
    expect(remainsOf([])).toEqual({peak: 0, remains: 0})
  })

  test('of one point or two nothing is known to remain', () => {
    const curve = [100, 100, 100].map((rate, i) => ({seconds: i, flopsPerSecond: rate, clockHz: null}))
    expect(judgeCurve(curve)).toEqual({verdict: 'ok'})
    expect(judgeCurve(curve.slice(1))).toEqual({
      verdict: 'noisy',
      reason: 'only 2 of the 3 points that have a last third',
    })
    expect(judgeCurve(curve.slice(2)).reason).toMatch(/^only 1 /)
    const hot = [...curve.slice(1), {...curve[0]!, flopsPerSecond: 60}]
    expect(judgeCurve(hot)).toEqual({verdict: 'throttled', reason: '60 % of the peak remain'})
    const warm = (rate: number) => [...curve.slice(1), {...curve[0]!, flopsPerSecond: rate}]
    expect(judgeCurve(warm(95))).toEqual({verdict: 'ok'})
    expect(judgeCurve(warm(94))).toEqual({verdict: 'throttled', reason: '94 % of the peak remain'})
  })

  test('a best that lies far below the short ceiling is no heat alone', () => {
    const made = {
      kind: 'compute',
      unit: 'FLOP/s',
      provenance: {kind: 'measured', source: 'test', date: '2026-11-21'},
    } as const
    const short = {...made, id: 'fma-f32-avx2-t2', value: 200e9}
    const ceiling = {...made, id: 'sustained-fma-f32-avx2-t2', value: 30e9, verdict: 'ok'} as const
    const judged = besideShort({ceiling, peak: 30e9}, [short])
    expect(judged).toMatchObject({value: 30e9, verdict: 'noisy'})
    expect(judged.reason).toMatch(/15 % of fma-f32-avx2-t2/)
    expect(besideShort({ceiling, peak: 198e9}, [short])).toBe(ceiling)
    // 95 % is kept
    expect(besideShort({ceiling, peak: 190e9}, [short])).toBe(ceiling)
    expect(besideShort({ceiling, peak: 189e9}, [short])).toMatchObject({
      verdict: 'noisy',
      reason: expect.stringMatching(/^its best reached only 95 % of fma-f32-avx2-t2/),
    })
    // of other threads or another instruction set nothing follows
    expect(
      besideShort({ceiling, peak: 30e9}, [
        {...short, id: 'fma-f32-avx2-t1'},
        {...short, id: 'fma-f32-avx512-t2'},
      ]),
    ).toBe(ceiling)
    expect(besideShort({ceiling, peak: 30e9}, [])).toBe(ceiling)
    const throttled = {...ceiling, verdict: 'throttled', reason: '50 % of the peak remain'} as const
    expect(besideShort({ceiling: throttled, peak: 60e9}, [short])).toBe(throttled)
  })

  test.each([0, -1, 0.5, Number.NaN, 1e6])('%d seconds are refused', async (seconds) => {
    await expect(measureSustained({seconds})).rejects.toMatchObject({code: 'bad-flag'})
  })
  test('an unknown isa, too many threads, an aborted signal', async () => {
    await expect(measureSustained({seconds: 1, isa: 'mmx'})).rejects.toMatchObject({code: 'bad-flag'})
    await expect(measureSustained({seconds: 1, threads: 1e6})).rejects.toMatchObject({code: 'bad-flag'})
    const abort = new AbortController()
    const run = measureSustained({seconds: 60, signal: abort.signal, onProgress: () => abort.abort()})
    await expect(run).rejects.toMatchObject({code: 'interrupted', exitCode: 130})
  }, 30_000)
})
