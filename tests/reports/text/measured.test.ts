import {describe, expect, it} from 'vitest'
import {machineText} from '../../../reports/text/machine.ts'
import type {Ceiling, Machine} from '../../../src/analysis/document/machine.ts'

const provenance = {kind: 'measured' as const, source: 'test', date: '2026-11-21'}
const fma = (isa: string, threads: number, value: number, more: Partial<Ceiling> = {}): Ceiling => ({
  id: `fma-f32-${isa}-t${threads}`,
  kind: 'compute',
  operation: 'fma',
  dtype: 'f32',
  engine: 'vector',
  isa,
  threads,
  value,
  unit: 'FLOP/s',
  verdict: 'ok',
  provenance,
  ...more,
})
const model = {
  model: 153.6e9,
  modelText: '2.0 FMA per cycle × 16 lanes × 2 × 2.40 GHz = 153.6 GFLOP/s',
}
const read = (level: 'L1' | 'DRAM', threads: number, value: number): Ceiling => ({
  id: `read-${level}-t${threads}`,
  kind: 'bandwidth',
  mix: 'read',
  level,
  threads,
  value,
  unit: 'B/s',
  verdict: 'ok',
  workingSet: 16384,
  provenance,
})
const machine: Machine = {
  id: 'local',
  name: 'Test CPU, 2 cores',
  identity: {},
  ceilings: [
    fma('avx2', 1, 85e9, {
      modelText: '1.87 FMA per cycle × 8 lanes × 2 × 2.70 GHz: no whole or half number, so no model',
    }),
    fma('avx512', 1, 152.2e9, model),
    fma('avx512', 2, 303.6e9, {verdict: 'noisy', reason: 'spread'}),
    read('L1', 1, 339e9),
    read('DRAM', 1, 13e9),
    read('DRAM', 2, 26e9),
    {id: 'launch', kind: 'latency', threads: 2, value: 3e-7, median: 4e-7, unit: 's', verdict: 'ok', provenance},
  ],
}
const text = (width: number, shown = machine) => machineText(shown, {color: false, width})

describe('a measured CPU in the terminal', () => {
  it('has one row per limit, one thread beside all, the share of the model and a verdict that names the threads', () => {
    const lines = text(120).split('\n')
    const row = (start: string) => lines.find((line) => line.startsWith(start))
    expect(row('arithmetic')).toMatch(/1 thread +2 threads +one thread by model +reached +verdict/)
    expect(row('fma-f32-avx512 ')).toMatch(
      /152 GFLOP\/s +304 GFLOP\/s +2\.0\/cycle × 16 lanes × 2 × 2\.40 GHz +99\.1 % +noisy \(2\)$/,
    )
    expect(row('fma-f32-avx2 ')).toMatch(/85 GFLOP\/s +– +1\.87\/cycle × 8 lanes × 2 × 2\.70 GHz +– +ok$/)
    expect(row('read-DRAM')).toMatch(/13 GB\/s +26 GB\/s/)
    expect(row('launch')).toMatch(/300 ns +400 ns +2/)
  })

  it('says the model line of the widest set in full', () => {
    expect(text(140)).toContain(
      'fma-f32-avx512: 2.0 FMA per cycle × 16 lanes × 2 × 2.40 GHz = 153.6 GFLOP/s; measured 152 GFLOP/s, 99.1 %',
    )
    expect(text(140)).not.toContain('fma-f32-avx2: ')
  })

  it.each([80, 100, 120])('fits %i columns', (width) => {
    for (const line of text(width).split('\n')) expect(line.length).toBeLessThanOrEqual(width)
  })

  it('without numbers of threads, as of a data sheet, is the plain list', () => {
    const bare = {...machine, ceilings: machine.ceilings.map(({threads: _, ...c}) => c as Ceiling)}
    expect(text(120, bare)).toMatch(/^id +limits +value/m)
  })
})
