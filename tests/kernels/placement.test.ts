import {describe, expect, test} from 'vitest'
import type {Ceiling} from '../../src/analysis/document/machine.ts'
import {checkPlacement} from '../../src/kernels/ceilings.ts'

const provenance = {kind: 'measured', source: 'a test', date: '2026-11-21'} as const
const ceiling = (id: string, more: Partial<Ceiling>): Ceiling => ({
  id,
  kind: 'bandwidth',
  unit: 'B/s',
  value: 5e10,
  verdict: 'ok',
  provenance,
  ...more,
})
const latency = {kind: 'latency', unit: 's'} as const
const ceilings = [
  ceiling('latency-L3', {...latency, level: 'L3', value: 15e-9}),
  ceiling('latency-DRAM', {...latency, level: 'DRAM', value: 100e-9}),
  ceiling('launch', {...latency, value: 60e-9, threads: 2}),
  ceiling('read-L3-t2', {level: 'L3', threads: 2}),
  ceiling('read-DRAM-t1', {level: 'DRAM', threads: 1}),
  ceiling('read-DRAM-t2', {level: 'DRAM', threads: 2}),
]
const noisy = (found: readonly Ceiling[]) => found.filter(({verdict}) => verdict === 'noisy').map(({id}) => id)
const near = 1 / 62e-9
const far = 1 / 320e-9

describe('threads that do not meet in the cache they are said to share', () => {
  test('doubt what depends on where they are: DRAM of several threads, its latency, how fast they meet', () => {
    const found = checkPlacement(ceilings, [near, far, far, near], 2)
    expect(noisy(found)).toEqual(['latency-DRAM', 'launch', 'read-DRAM-t2'])
    expect(found.at(-1)!.reason).toMatch(/for 50 % of the run the threads met in 320 ns/)
  })

  test('apart for a tenth of the run is enough', () => {
    const meetings = [...Array<number>(3).fill(far), ...Array<number>(20).fill(near)]
    expect(noisy(checkPlacement(ceilings, meetings, 2))).toHaveLength(3)
  })

  test('apart is a line that takes two and a half latencies of L3, six of which a meeting of two threads moves', () => {
    const at = (seconds: number) => noisy(checkPlacement(ceilings, [1 / seconds, 1 / seconds], 2)).length
    // 2.5 × 15 ns × 6
    expect([at(224e-9), at(226e-9)]).toEqual([0, 3])
  })

  test.each([
    ['together all the time', Array<number>(20).fill(near), 2],
    ['apart for less than a tenth of the run', [far, ...Array<number>(19).fill(near)], 2],
    ['no cache that the system says they share', [far, far], 1],
    ['never seen to meet', [], 2],
  ])('%s: nothing to say', (_, meetings, sharedBy) => {
    expect(noisy(checkPlacement(ceilings, meetings, sharedBy))).toEqual([])
  })
})
