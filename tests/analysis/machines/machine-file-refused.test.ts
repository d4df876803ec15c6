/** Machine files that are refused, and what is said of each. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ceilingDTypes, machineSchema} from '../../../src/analysis/document/machine.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import * as allowed from '../../../src/analysis/importers/machine/allowed.ts'
import {parseMachine} from '../../../src/analysis/importers/machine-file.ts'
import {compute, dram, file, type Json, mistake, withCeiling} from '../support/machine-files.ts'

describe('a mistake names the field', () => {
  const cases: [what: string, json: unknown, message: RegExp][] = [
    ['no object', 7, /^my\.json: the machine: is 7, not an object/],
    ['an array', [], /the machine: is an array/],
    ['null', null, /the machine: is null/],
    ['no id', file({id: undefined}), /my\.json: id: missing; write for example "id": "my-gpu"/],
    ['a bad id', file({id: 'My GPU'}), /id: "My GPU" has more than lower-case letters/],
    ['an unknown field', file({memmory: '80 GB'}), /memmory: unknown field; did you mean "memory"\?/],
    [
      'an unknown field of a ceiling',
      withCeiling({...dram, id: 'x', levle: 'L2'}),
      /ceilings\[2\]\.levle: unknown field; did you mean "level"\?/,
    ],
    ['a field far from all', file({colour: 'red'}), /colour: unknown field$/],
    ['no ceilings', file({ceilings: undefined}), /ceilings: missing/],
    ['ceilings that are an object', file({ceilings: {}}), /ceilings: is an object, not an array/],
    ['a ceiling that is a text', file({ceilings: ['x']}), /ceilings\[0\]: is "x", not an object/],
    [
      'no kind',
      withCeiling({value: '1 TB/s'}),
      /ceilings\[2\]\.kind: missing; it is one of compute, bandwidth, latency, link/,
    ],
    [
      'a bad kind',
      withCeiling({...dram, kind: 'bandwith'}),
      /ceilings\[2\]\.kind: "bandwith" is not one of .*did you mean "bandwidth"\?/,
    ],
    [
      'a bad type',
      withCeiling({...compute, dtype: 'fp16'}),
      new RegExp(`ceilings\\[2\\]\\.dtype: "fp16" is not one of ${ceilingDTypes.join(', ')}`),
    ],
    [
      'no engine',
      withCeiling({...compute, engine: undefined}),
      /ceilings\[2\]\.engine: missing; it is one of vector, matrix/,
    ],
    [
      'no level',
      withCeiling({...dram, level: undefined}),
      /ceilings\[2\]\.level: missing; it is one of L1, L2, L3, DRAM/,
    ],
    [
      'a field of another kind',
      withCeiling({kind: 'link', value: '1 GB/s', engine: 'matrix'}),
      /ceilings\[2\]\.engine: does not belong to a link ceiling, only to compute/,
    ],
    [
      'no unit',
      withCeiling({...dram, id: 'x', value: 3.35}),
      /ceilings\[2\]\.unit: missing; write for example "unit": "TB\/s"/,
    ],
    [
      'no unit in the text',
      withCeiling({...dram, id: 'x', value: '3.35'}),
      /ceilings\[2\]\.value: "3\.35" has no unit; write for example "3\.35 TB\/s"/,
    ],
    [
      'an unknown unit',
      withCeiling({...dram, id: 'x', value: 3.35, unit: 'TBps'}),
      /ceilings\[2\]\.unit: "TBps" is not in a known unit/,
    ],
    [
      'a unit of the prototype',
      withCeiling({...dram, id: 'x', value: 3, unit: 'constructorB/s'}),
      /ceilings\[2\]\.unit: .* is not in a known unit/,
    ],
    [
      'bits',
      withCeiling({...dram, id: 'x', value: '819 Gbit/s'}),
      /ceilings\[2\]\.value: "819 Gbit\/s" is not in a known unit/,
    ],
    [
      'a unit that does not fit',
      withCeiling({...dram, id: 'x', value: '3.35 TB'}),
      /ceilings\[2\]\.value: "3\.35 TB" does not fit a bandwidth ceiling, which is in B\/s/,
    ],
    [
      'FLOP/s for integers',
      withCeiling({...compute, dtype: 'int8'}),
      /ceilings\[2\]\.value: .* does not fit a compute ceiling of int8, which is in OP\/s/,
    ],
    [
      'OP/s for floats',
      withCeiling({...compute, id: 'x', value: '5 TOPS'}),
      /does not fit a compute ceiling of bf16, which is in FLOP\/s/,
    ],
    [
      'a text that is no quantity beside a unit',
      withCeiling({...dram, value: 'fast', unit: 'GB/s'}),
      /ceilings\[2\]\.value: "fast" is not a number with its unit/,
    ],
    ['unit given twice', withCeiling({...dram, id: 'x', unit: 'GB/s'}), /ceilings\[2\]\.unit: given twice/],
    [
      'no value',
      withCeiling({...dram, value: undefined}),
      /ceilings\[2\]\.value: missing; write for example "value": "3\.35 TB\/s"/,
    ],
    [
      'a negative value',
      withCeiling({...dram, value: -1, unit: 'TB/s'}),
      /ceilings\[2\]\.value: is -1, not a positive number/,
    ],
    [
      'a negative text',
      withCeiling({...dram, value: '-3 TB/s'}),
      /ceilings\[2\]\.value: "-3 TB\/s" is not a positive quantity/,
    ],
    [
      'a rate that makes every time infinite',
      withCeiling({...dram, value: 5e-324, unit: 'B/s'}),
      /ceilings\[2\]\.value: is .* B\/s, not from 1 to /,
    ],
    [
      'a rate that makes every ridge infinite',
      withCeiling({...compute, id: 'x', value: 1e300, unit: 'FLOP/s'}),
      /ceilings\[2\]\.value: is .* FLOP\/s, not from 1 to /,
    ],
    ['zero', withCeiling({...dram, value: 0, unit: 'TB/s'}), /ceilings\[2\]\.value: is 0, not a positive number/],
    [
      'NaN',
      withCeiling({...dram, value: Number.NaN, unit: 'TB/s'}),
      /ceilings\[2\]\.value: is NaN, not a positive number/,
    ],
    [
      'infinity',
      withCeiling({...dram, value: 1e308, unit: 'TB/s'}),
      /ceilings\[2\]\.unit: "TB\/s" is not a positive quantity/,
    ],
    [
      'a decimal comma',
      withCeiling({...dram, value: '3,35 TB/s'}),
      /ceilings\[2\]\.value: "3,35 TB\/s" is not a positive quantity/,
    ],
    ['a value that is an object', withCeiling({...dram, value: {}}), /ceilings\[2\]\.value: is an object; write/],
    [
      'an id twice',
      file({ceilings: [compute, dram, dram]}),
      /ceilings\[2\]\.id: "dram" is the id of ceilings\[1\] already/,
    ],
    ['no compute', file({ceilings: [dram]}), /ceilings: no compute ceiling; write for example/],
    ['no DRAM', file({ceilings: [compute, {...dram, level: 'L2'}]}), /ceilings: no DRAM bandwidth; write for example/],
    ['nothing', file({ceilings: []}), /ceilings: no compute ceiling/],
    [
      'an inner level slower than an outer',
      withCeiling({...dram, level: 'L2', value: '500 GB/s'}),
      /ceilings\[2\]\.value: L2 at 500000000000 B\/s is slower than DRAM/,
    ],
    ['no source', file({source: undefined}), /ceilings\[0\]\.provenance\.source: missing; name the document/],
    ['no date', file({date: undefined}), /ceilings\[0\]\.provenance\.date: missing; write for example "date"/],
    ['a bad date', file({date: '15.1.2026'}), /date: "15\.1\.2026" is not a date such as/],
    ['a month 13', file({date: '2026-13-01'}), /date: "2026-13-01" is not a date/],
    [
      'a bad provenance',
      withCeiling({...dram, id: 'x', provenance: {kind: 'guess'}}),
      /ceilings\[2\]\.provenance\.kind: "guess" is not one of measured, datasheet, derived/,
    ],
    [
      'a capacity without unit',
      file({memory: {capacity: 80}}),
      /memory\.capacity: 80 of what\? write for example "capacity": "80 GB"/,
    ],
    [
      'a capacity in the wrong unit',
      file({memory: '80 GB/s'}),
      /memory\.capacity: "80 GB\/s" does not fit a capacity, which is in B/,
    ],
    [
      'a negative capacity',
      file({memory: {capacity: -80e9}}),
      /memory\.capacity: is -80000000000, not a positive number/,
    ],
    ['power in the wrong unit', file({power: '700 GB'}), /power\.watts: "700 GB" does not fit a power, which is in W/],
    ['a price without source', file({price: {perHour: 2}}), /price\.source: missing/],
    ['a free machine', file({price: {perHour: 0, source: 'x'}}), /price\.perHour: is 0, not a positive number/],
    [
      'half a thread',
      withCeiling({...dram, id: 'x', threads: 1.5}),
      /ceilings\[2\]\.threads: is 1\.5, not a positive whole number/,
    ],
    ['control characters', file({name: 'x\u001b[31m'}), /name: contains control characters/],
    [
      'another document',
      {schema: 'ridgepoint/analysis@1', ok: true, result: {}},
      /schema: "ridgepoint\/analysis@1" is not "ridgepoint\/machine@1"/,
    ],
    [
      'a profile as it is kept',
      {schema: 'ridgepoint/profile@1', version: '0.1.0', machine: {}},
      /schema: is a profile as it is kept, not "ridgepoint\/machine@1"/,
    ],
  ]
  it.each(cases)('%s', (_, json, message) => {
    const error = mistake(json)
    expect(error.message).toMatch(message)
    expect(error.code).toBe('bad-machine')
    expect(error.exitCode).toBe(3)
  })

  it.each([
    ['{"id": "x",\n  "ceilings": [}', /my\.json: not JSON: (mistake at line 2, column 16|.*Unexpected token)/],
    ['', /my\.json: not JSON/],
    ['id: x', /my\.json: not JSON/],
  ])('a file that is not JSON: %j', (json, message) => {
    expect(mistake(json).message).toMatch(message)
    expect(mistake(json).code).toBe('bad-json')
  })
})

describe('a sparse peak is refused', () => {
  const h100 = (value: string, change: Json = {}) =>
    file({id: 'my-h100', ceilings: [{...compute, value, ...change}, dram]})

  it.each([
    ['a field', withCeiling({...compute, id: 'x', sparse: true}), /ceilings\[2\]\.sparse/],
    ['a field of the file', file({sparsity: '2:4'}), /my\.json: sparsity/],
    [
      'an id',
      withCeiling({...compute, id: 'matrix-bf16-sparse'}),
      /ceilings\[2\]\.id: "matrix-bf16-sparse" names a sparse peak/,
    ],
    ['a name', file({name: 'My GPU (with sparsity)'}), /my\.json: name/],
    [
      'a source',
      withCeiling({...compute, id: 'x', provenance: 'data sheet, peak with sparsity'}),
      /ceilings\[2\]\.provenance\.source/,
    ],
    [
      'the H100 in bf16',
      h100('1979 TFLOP/s'),
      /ceilings\[0\]\.value: 1979 TFLOP\/s is twice the dense bf16 peak of h100-sxm.*write "989\.4 TFLOP\/s"/,
    ],
    ['the H100 in fp8', h100('3958 TFLOP/s', {dtype: 'fp8'}), /1978\.9 TFLOP\/s/],
    ['the H100 PCIe', h100('1513 TFLOP/s'), /h100-pcie.*756 TFLOP\/s/],
    [
      'the L40S, whose dense figure is not half',
      file({id: 'l40s-mine', ceilings: [{...compute, value: '733 TFLOP/s'}, dram]}),
      /l40s.*362\.05/,
    ],
    [
      'the MI300X',
      file({id: 'x', name: 'AMD MI300X', ceilings: [{...compute, dtype: 'f16', value: '2614.9 TFLOP/s'}, dram]}),
      /mi300x/,
    ],
    [
      'the RTX 4090 with its f16 accumulator',
      file({
        id: 'rtx-4090-oc',
        ceilings: [{...compute, dtype: 'f16', accumulate: 'f16', value: '660.6 TFLOP/s'}, dram],
      }),
      /330\.3/,
    ],
  ])('%s', (_, json, message) => {
    const error = mistake(json)
    expect(error.code).toBe('sparse-peak')
    expect(error.message).toMatch(message)
    expect(error.suggestions.join(' ')).toMatch(/dense/)
  })

  it('a sparse ceiling that says so is one of its own, and no dense peak', () => {
    const own = {...compute, sparsity: '2:4', value: '1979 TFLOP/s', provenance: 'data sheet, with sparsity'}
    const machine = parseMachine(
      file({id: 'my-h100', ceilings: [{...compute, value: '989.5 TFLOP/s'}, own, dram]}),
      'my.json',
    )
    expect(machine.ceilings[1]).toMatchObject({id: `matrix-${compute.dtype}-sparse`, sparsity: '2:4', value: 1979e12})
    expect(mistake(file({ceilings: [own, dram]})).message).toMatch(/no compute/)
  })

  it.each([
    ['the dense peak', h100('989.5 TFLOP/s')],
    ['the dense peak of f8', h100('1979 TFLOP/s', {dtype: 'fp8'})],
    ['an overclocked one', h100('1050 TFLOP/s')],
    [
      'an unknown chip with the same number',
      file({id: 'my-x100', ceilings: [{...compute, value: '1979 TFLOP/s'}, dram]}),
    ],
    [
      'another chip whose name begins alike',
      file({id: 'gh100a', ceilings: [{...compute, value: '1979 TFLOP/s'}, dram]}),
    ],
    [
      'a source that says how it was halved',
      withCeiling({...compute, id: 'x', provenance: '1,979 with sparsity; half of it'}),
    ],
    [
      'the RTX 4090 by its accumulator',
      file({
        id: 'rtx-4090-mine',
        ceilings: [{...compute, dtype: 'f16', accumulate: 'f16', value: '330.3 TFLOP/s'}, dram],
      }),
    ],
    [
      'the RTX 4090 without its accumulator',
      file({id: 'rtx-4090-mine', ceilings: [{...compute, dtype: 'f16', value: '330.3 TFLOP/s'}, dram]}),
    ],
  ])('but not %s', (_, json) => {
    expect(parseMachine(json, 'my.json').ceilings[0]!.value).toBeGreaterThan(0)
  })
})

describe('hostile files are bounded', () => {
  const deep = (levels: number) => {
    let value: unknown = 1
    for (let i = 0; i < levels; i++) value = [value]
    return value
  }
  const cycle: Json = file()
  cycle.identity = cycle

  it.each([
    ['deep nesting', file({identity: deep(10_000)}), /the file: is nested more than 10 levels deep/],
    ['deep nesting in text', `${'['.repeat(400_000)}${']'.repeat(400_000)}`, /the file: is nested more than|not JSON/],
    ['a cycle', cycle, /the file: is nested more than 10 levels deep/],
    ['a megabyte of name', file({name: 'x'.repeat(1_000_000)}), /name: has 1000000 characters; at most 200/],
    ['a megabyte of id', file({id: 'x'.repeat(1_000_000)}), /id: has 1000000 characters/],
    ['a megabyte of field name', {...file(), ['x'.repeat(1_000_000)]: 1}, /unknown field/],
    ['a megabyte of value', withCeiling({...dram, value: '9'.repeat(1_000_000)}), /ceilings\[2\]\.value/],
    [
      'a megabyte of unit',
      withCeiling({...dram, value: 1, unit: 'T'.repeat(1_000_000)}),
      /ceilings\[2\]\.unit: has 1000000 characters/,
    ],
    ['a large text', ' '.repeat(2_000_000), /the file: has 2000000 characters/],
    ['a large array', file({ceilings: Array.from({length: 100_000}, () => 1)}), /the file: has more than 20000 values/],
    [
      'many ceilings',
      file({ceilings: Array.from({length: 600}, (_, i) => ({kind: 'link', id: `${i}`, value: '1 GB/s'}))}),
      /ceilings: has 600 entries; at most 500/,
    ],
    ['a prototype', `{"__proto__": {"id": "x"}}`, /__proto__: unknown field/],
    [
      'a prototype in the identity',
      JSON.stringify(file({identity: 0})).replace('"identity":0', '"identity":{"__proto__":{"polluted":1}}'),
      /identity\.__proto__: unknown field/,
    ],
    ['a function', file({id: () => 'x'}), /the file: holds a function/],
  ])('%s', (_, json, message) => {
    const error = mistake(json)
    expect(error.message).toMatch(message)
    expect(error.message.length).toBeLessThan(500)
    expect(({} as Json).polluted).toBeUndefined()
  })

  it('a long origin is cut', () => {
    try {
      parseMachine(1, 'x'.repeat(10_000))
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(400)
    }
  })

  it('whatever JSON comes, it is a machine of the schema or one of three errors', () => {
    const known = fc.constantFrom(...allowed.machineFields, ...allowed.ceilingFields, 'watts', 'capacity')
    const word = fc.constantFrom(
      'compute',
      'bandwidth',
      'DRAM',
      'matrix',
      'bf16',
      '1 TB/s',
      '1 TFLOP/s',
      '2026-01-01',
      'x',
    )
    const leaf = fc.oneof(word, fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.string())
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        {maxDepth: 4},
        leaf,
        fc.array(tie('value'), {maxLength: 4}),
        fc.dictionary(known, tie('value'), {maxKeys: 6}),
      ),
    })).value
    const whole = fc.dictionary(known, value).map((extra) => ({...file(), ...extra}))
    fc.assert(
      fc.property(fc.oneof(value, whole), (json) => {
        try {
          const machine = parseMachine(json, 'my.json')
          expect(machineSchema.parse(machine)).toEqual(machine)
        } catch (error) {
          if (!(error instanceof AnalysisError)) throw error
          expect(['bad-machine', 'sparse-peak', 'bad-json']).toContain(error.code)
        }
      }),
      {numRuns: 2000},
    )
  })
})
