import {describe, expect, test} from 'vitest'
import type {AnalysisError} from '../../src/analysis/errors.ts'
import {chooseIsas} from '../../src/kernels/isas.ts'
import {type ComputeRow, chosenCores, chosenL2, type IsaRow, loadNative} from '../../src/kernels/native.ts'
import {planTasks} from '../../src/kernels/plan.ts'

const row = (id: string, engine: string | null, missing: string | null): ComputeRow => ({
  probe: engine ? `${engine}/${id}` : id,
  id,
  engine,
  lanes: 16,
  perLane: 2,
  missing,
})
const narrow: IsaRow = {name: 'avx2', vectorBytes: 32, kernels: [], memory: [], compute: [row('fma-f32', null, null)]}
const wide = (tiles: string | null): IsaRow => ({
  name: 'avx512',
  vectorBytes: 64,
  kernels: [],
  memory: [],
  compute: [
    row('fma-f32', null, null),
    row('dot-int8', 'amx', tiles && 'amx_int8'),
    row('dot-bf16', 'amx', tiles && 'amx_bf16'),
  ],
})

function failure(isa: string, available: IsaRow[]): AnalysisError {
  try {
    chooseIsas(available, {isa, quick: false})
  } catch (error) {
    return error as AnalysisError
  }
  throw new Error('accepted')
}

describe('--isa', () => {
  test('chooses one set; without it all, quickly the widest', () => {
    const all = [narrow, wide('absent')]
    const names = (options: Parameters<typeof chooseIsas>[1]) => chooseIsas(all, options).isas.map(({name}) => name)
    expect(names({quick: false})).toEqual(['avx2', 'avx512'])
    expect(names({quick: true})).toEqual(['avx512'])
    expect(names({quick: true, isa: 'avx2'})).toEqual(['avx2'])
  })

  // of copies from L2 the narrower set was 4 % faster: relu and a chain stood at 102 % of a roof that the widest alone had measured
  test('a core’s own caches are read and written with each set that is given, those beyond with the widest', () => {
    const isas = [narrow, wide('absent')]
    const caches = [
      {level: 'L1', claimed: 2 ** 15, sharedBy: 1},
      {level: 'L2', claimed: 2 ** 20, sharedBy: 1},
      {level: 'L3', claimed: 2 ** 25, sharedBy: 2},
    ] as const
    const room = {resident: [2 ** 26], window: 4096, chase: 4096, tables: [0]}
    const tasks = planTasks({isas, ownIsas: isas, threads: [1], between: [], caches, ...room, quick: false})
    const probed = (id: string) => tasks.find(({ceiling}) => ceiling.id === id)!.tasks.map(({spec}) => spec.isa)
    for (const mix of ['read', 'write', 'copy', '4:1', 'update']) {
      expect(probed(`${mix}-L1-t1`)).toEqual(['avx2', 'avx512'])
      expect(probed(`${mix}-L2-t1`)).toEqual(['avx2', 'avx512'])
      expect(probed(`${mix}-L3-t1`)).toEqual(['avx512'])
    }
  })

  test('amx is the tile probes alone, and nothing of memory', () => {
    const {isas, unit} = chooseIsas([narrow, wide(null)], {isa: 'amx', quick: false})
    expect(unit).toBe(true)
    const common = {
      ownIsas: isas,
      threads: [1, 2],
      between: [],
      caches: [],
      resident: [4096],
      window: 4096,
      chase: 4096,
      tables: [0, 0],
      quick: false,
    }
    const tasks = planTasks({isas, unit, ...common})
    expect(tasks.map(({ceiling}) => ceiling.id)).toEqual([
      'dot-int8-amx-t1',
      'dot-int8-amx-t2',
      'dot-bf16-amx-t1',
      'dot-bf16-amx-t2',
    ])
    expect(tasks.every(({ceiling}) => ceiling.engine === 'matrix' && ceiling.isa === 'amx')).toBe(true)
    expect(tasks[0]!.tasks[0]!.spec).toMatchObject({isa: 'avx512', probe: 'amx/dot-int8'})
  })

  test('a set that this CPU lacks is the environment’s fault, named with what it has and what it lacks', () => {
    const absent = failure('amx', [narrow, wide('absent')])
    expect(absent).toMatchObject({code: 'no-isa', exitCode: 4})
    expect(absent.message).toBe(
      "isa 'amx' of x86-64 is not available on this CPU (it lacks amx_int8 and amx_bf16); this CPU has avx2, avx512",
    )
    expect(absent.suggestions).toEqual(['--isa avx512'])
    expect(failure('sve', [narrow])).toMatchObject({code: 'no-isa', message: expect.stringContaining('of aarch64')})
    expect(failure('amx', [narrow])).toMatchObject({code: 'no-isa'})
  })

  test('a name that nobody knows is a mistake in the command', () => {
    const error = failure('avx1024', [narrow])
    expect(error).toMatchObject({code: 'bad-flag', exitCode: 2})
    expect(error.suggestions.join()).toMatch(/--isa avx2.*known: .*amx.*sve/)
    const both = [narrow, wide(null)]
    expect(['AVX2', 'avx-512', 'rvv'].map((isa) => failure(isa, both).suggestions[0])).toEqual([
      '--isa avx2',
      '--isa avx512',
      '--isa avx512',
    ])
    expect(failure('__proto__', [narrow]).code).toBe('bad-flag')
  })

  test('this CPU reports each probe of amx, or says what it lacks', () => {
    if (process.arch !== 'x64') return
    const rows = loadNative()
      .cpu()
      .isas.flatMap(({compute}) => compute.filter(({engine}) => engine === 'amx'))
    for (const {missing} of rows) expect([null, 'amx_int8', 'amx_bf16']).toContain(missing)
  })
})

describe('RIDGEPOINT_CORES', () => {
  test('names the cores that kernels are tuned for, or nothing', () => {
    expect(chosenCores({})).toBeUndefined()
    expect(chosenCores({RIDGEPOINT_CORES: 'amd'})).toBe('amd')
  })
  test.each(['zen', '', 'Intel'])('"%s" is refused with what is allowed', (cores) => {
    expect(() => chosenCores({RIDGEPOINT_CORES: cores})).toThrow(
      expect.objectContaining({
        code: 'bad-flag',
        message: expect.stringContaining(`RIDGEPOINT_CORES=${cores}`),
        suggestions: [expect.stringContaining('intel, amd, other')],
      }),
    )
  })
})

describe('RIDGEPOINT_L2', () => {
  test('names the bytes of L2 that products make their blocks for, or nothing', () => {
    expect(chosenL2({})).toBeUndefined()
    expect(chosenL2({RIDGEPOINT_L2: '1048576'})).toBe(2 ** 20)
  })
  test.each(['1M', '', '0', '-1', '1e6'])('"%s" is refused with an example', (bytes) => {
    expect(() => chosenL2({RIDGEPOINT_L2: bytes})).toThrow(
      expect.objectContaining({
        code: 'bad-flag',
        message: expect.stringContaining(`RIDGEPOINT_L2=${bytes}`),
        suggestions: [expect.stringContaining('1048576')],
      }),
    )
  })
})
