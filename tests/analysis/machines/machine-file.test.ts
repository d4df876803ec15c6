/** Machine files that are read. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {machineSchema} from '../../../src/analysis/document/machine.ts'
import * as allowed from '../../../src/analysis/importers/machine/allowed.ts'
import {machineJson, parseMachine} from '../../../src/analysis/importers/machine-file.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {compute, dram, file} from '../support/machine-files.ts'

describe('a small file', () => {
  it('is completed with defaults, in base units', () => {
    const machine = parseMachine(
      JSON.stringify(file({memory: '48 GB', power: '300 W', price: {perHour: 1.2, source: 'list of a provider'}})),
      'my.json',
    )
    const provenance = {kind: 'datasheet', source: 'Maker, data sheet, page 2', date: '2026-01-15'}
    expect(machine).toEqual({
      id: 'my-gpu',
      name: 'my-gpu',
      identity: {},
      memory: {capacity: 48e9, source: 'Maker, data sheet, page 2'},
      power: {watts: 300, source: 'Maker, data sheet, page 2'},
      price: {perHour: 1.2, currency: 'USD', source: 'list of a provider'},
      ceilings: [
        {
          id: 'matrix-bf16',
          kind: 'compute',
          operation: 'fma',
          engine: 'matrix',
          dtype: 'bf16',
          value: 181e12,
          unit: 'FLOP/s',
          provenance,
        },
        {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 864e9, unit: 'B/s', provenance},
      ],
    })
    expect(machineSchema.parse(machine)).toEqual(machine)
  })

  it.each([
    [{...dram, value: '3.35 TB/s'}, 3.35e12],
    [{...dram, value: 3.35, unit: 'TB/s'}, 3.35e12],
    [{...dram, value: 3350000000000, unit: 'B/s'}, 3.35e12],
    [{...dram, value: '800 GiB/s'}, 800 * 2 ** 30],
    [{...dram, value: '2_039 GB/s'}, 2.039e12],
    [{...dram, value: '1,555 GB/s'}, 1.555e12],
  ])('reads %j', (ceiling, value) => {
    expect(parseMachine(file({ceilings: [compute, ceiling]}), 'my.json').ceilings[1]!.value).toBe(value)
  })

  it.each([
    ['80 GB', 80e9],
    ['80 GiB', 80 * 2 ** 30],
    [{capacity: 80, unit: 'GB'}, 80e9],
    [{capacity: 80e9}, 80e9],
  ])('reads the capacity %j', (memory, bytes) => {
    expect(parseMachine(file({memory}), 'my.json').memory!.capacity).toBe(bytes)
  })

  it('counts integer types in OP/s and keeps a latency in seconds', () => {
    const ceilings = [{...compute, dtype: 'int8', value: '1.2 POPS'}, dram, {kind: 'latency', value: '4.5 us'}]
    const parsed = parseMachine(file({ceilings}), 'my.json').ceilings
    expect(parsed.map((c) => [c.id, c.value, c.unit])).toEqual([
      ['matrix-int8', 1.2e15, 'OP/s'],
      ['dram', 864e9, 'B/s'],
      ['launch', 4.5e-6, 's'],
    ])
  })

  it('takes the provenance of a ceiling as a text or as an object, and fills the rest from the file', () => {
    const ceilings = [
      {...compute, provenance: 'white paper, table 2'},
      {...dram, provenance: {kind: 'derived', date: '2025-02-03'}},
    ]
    expect(parseMachine(file({ceilings}), 'my.json').ceilings.map((c) => c.provenance)).toEqual([
      {kind: 'datasheet', source: 'white paper, table 2', date: '2026-01-15'},
      {kind: 'derived', source: 'Maker, data sheet, page 2', date: '2025-02-03'},
    ])
  })
})

it('the example of docs/machines.md is read as it stands', () => {
  const page = readFileSync(new URL('../../../docs/machines.md', import.meta.url), 'utf8')
  const machine = parseMachine(/```json\n([\s\S]*?)```/.exec(page)![1]!, 'docs')
  expect(machine.ceilings.map((c) => [c.id, c.value])).toEqual([
    ['matrix-bf16', 181e12],
    ['vector-f32', 45e12],
    ['dram', 864e9],
    ['link-fast', 50e9],
  ])
})

describe('what the tool prints', () => {
  it.each(Object.values(machines).map((m) => [m.id, m] as const))('%s is read back', (_, machine) => {
    const printed = machineJson(machine)
    expect(printed).not.toBe(machine)
    expect(machineSchema.parse(printed)).toEqual(machine)
    expect(parseMachine(JSON.stringify(printed), 'my.json')).toEqual(machine)
    const envelope = {schema: 'ridgepoint/machine@1', ok: true, result: printed, warnings: []}
    expect(parseMachine(JSON.stringify(envelope), 'my.json')).toEqual(machine)
  })

  it('a measured profile is read back, noise included', () => {
    const provenance = {kind: 'measured', source: 'read kernel, avx512', date: '2026-11-21T08:00:00Z'}
    const bandwidth = {
      kind: 'bandwidth',
      mix: 'read',
      unit: 'B/s',
      threads: 2,
      isa: 'avx512',
      workingSet: 65536,
      provenance,
      clockHz: null,
      samples: 9,
      median: 1e11,
      min: 9e10,
      max: 1.2e11,
      cv: 0,
      verdict: 'noisy',
    } as const
    const profile = {
      id: 'local',
      name: 'AMD EPYC',
      identity: {
        cpu: 'AMD EPYC',
        cores: 2,
        caches: [{level: 'L3', claimed: 33554432, found: null}],
        memory: null,
        os: 'linux',
        governor: 'unknown',
      },
      profile: 'quick',
      ceilings: [
        {
          id: 'fma-f32',
          kind: 'compute',
          operation: 'fma',
          dtype: 'f32',
          engine: 'vector',
          threads: 1,
          value: 2e11,
          unit: 'FLOP/s',
          model: null,
          provenance,
        },
        {...bandwidth, id: 'l3', level: 'L3', value: 1.1e11},
        {...bandwidth, id: 'dram', level: 'DRAM', value: 1.2e11},
      ],
    }
    expect(parseMachine(profile, 'local')).toEqual(machineSchema.parse(profile))
  })

  it('the allowed values are those of the schema', () => {
    const shape = machineSchema.shape.ceilings.element.shape
    const options = (schema: {unwrap(): {options: readonly string[]}}) => schema.unwrap().options
    expect(allowed.kinds).toEqual(shape.kind.options)
    expect(allowed.dtypes).toEqual(options(shape.dtype))
    expect(allowed.operations).toEqual(options(shape.operation))
    expect([...allowed.mixes].sort()).toEqual([...options(shape.mix)].sort())
    expect(allowed.levels).toEqual(options(shape.level))
    expect([...allowed.ceilingFields].sort()).toEqual(Object.keys(shape).sort())
  })
})
