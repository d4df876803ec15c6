import {expect, test} from 'vitest'
import type {Verdict} from '../../src/analysis/document/machine.ts'
import type {Warning} from '../../src/analysis/errors.ts'
import {type BenchEntry, entryOf, warningsOf} from '../../src/kernels/bench.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {bandwidth, compute, machineOf} from './made-up.ts'

const machine = machineOf(compute('fma', 1e11), bandwidth('read', 'DRAM', 1e10))
const entry = (elements: number, verdict: Verdict): BenchEntry => ({
  ...entryOf(
    kernels.relu,
    [elements],
    kernels.relu.program([elements]),
    {rates: [1, 1, 1], counters: null, turn: []},
    0,
    {isa: 'avx2', threads: 1},
    machine,
  ),
  verdict,
  reason: `why ${elements}`,
})

test('a run that is not ok is said with its reason; three and more that something else disturbed are one remark', () => {
  const two = [entry(1, 'throttled'), entry(2, 'ok'), entry(3, 'noisy'), entry(4, 'throttled')]
  expect(warningsOf(two)).toEqual([
    {code: 'kernel-throttled', message: 'relu 1: why 1'},
    {code: 'kernel-noisy', message: 'relu 3: why 3'},
    {code: 'kernel-throttled', message: 'relu 4: why 4'},
  ])
  const many = [...two, entry(5, 'throttled'), entry(6, 'throttled'), entry(7, 'wrong')]
  expect(warningsOf(many)).toEqual([
    {code: 'kernel-noisy', message: 'relu 3: why 3'},
    {code: 'kernel-wrong', message: 'relu 7: why 7'},
    {
      code: 'kernel-throttled',
      message:
        '4 of 7 runs were held back (relu 1; relu 4; relu 5 …): the clock fell, or another hardware thread of the core took instruction slots; each run says by how much',
    },
  ])
  expect(warningsOf([entry(1, 'ok')])).toEqual([])
})

test('a kernel that runs in several types is named once', () => {
  const [{message}] = warningsOf((['f32', 'f64', 'int8'] as const).map((dtype) => ({...entry(8, 'noisy'), dtype}))) as [
    Warning,
  ]
  expect(message).toMatch(/^3 of 3 runs were disturbed \(relu 8\):/)
})
