import {describe, expect, it} from 'vitest'
import type {Bench, FusedComparison} from '../../../src/analysis/document/bench.ts'
import {documents} from '../../../src/analysis/document/index.ts'
import {type Machine, machineSchema} from '../../../src/analysis/document/machine.ts'
import {openNodeGpu, softwareIsThere} from '../../../src/kernels/webgpu/node.ts'
import {run, sandbox} from '../../commands/support.ts'

sandbox()

const adapter = ['--adapter', process.env.RIDGEPOINT_ADAPTER ?? 'software']
const present = process.env.RIDGEPOINT_ADAPTER !== undefined || softwareIsThere()

/** Whether the adapter computes in f16: SwiftShader does not, lavapipe and most GPUs do. */
async function hasHalf(): Promise<boolean> {
  const session = await openNodeGpu({adapter: adapter[1]})
  session.close()
  return session.hasF16
}
const half = present && (await hasHalf())

/** The result of a command that succeeds; the whole answer must be a document of its kind. */
const answer = async <T>(...argv: string[]): Promise<T> => {
  const {code, stdout, stderr} = await run(...argv, '--json')
  expect(code, stderr + stdout.slice(0, 500)).toBe(0)
  const document = JSON.parse(stdout)
  const kind = document.schema.replace('ridgepoint/', '') as keyof typeof documents
  documents[kind].parse(document)
  return document.result as T
}

describe.runIf(present)('commands on a GPU', {timeout: 120_000}, () => {
  it('measure it, keep the profile, run kernels under it, compare fused with unfused', async () => {
    const measured = await run('measure', 'webgpu', '--quick', ...adapter, '--json')
    expect(measured.code, measured.stderr).toBe(0)
    const {result, warnings} = JSON.parse(measured.stdout) as {result: Machine; warnings: {code: string}[]}
    expect(warnings.filter(({code}) => code === 'ceiling-failed')).toEqual([])
    const machine = machineSchema.parse(result)
    const ids = machine.ceilings.map(({id}) => id)
    for (const id of [
      'fma-f32-scalar',
      'fma-f32-vec4',
      'mad-int32',
      'dot-int8',
      'exp-f32',
      'tanh-f32',
      'rsqrt-f32',
      'divide-f32',
    ])
      expect(ids).toContain(id)
    for (const id of [
      'read-DRAM',
      'write-DRAM',
      'copy-DRAM',
      'triad-DRAM',
      'workgroup-memory',
      'launch',
      'launch-submit',
      'upload',
      'readback',
    ])
      expect(ids).toContain(id)
    for (const ceiling of machine.ceilings) expect(ceiling.provenance.source).toContain(machine.name)
    expect(machine.id).toBe('local-gpu')
    expect(machine.profile).toBe('quick')
    expect(JSON.stringify(machine.identity)).toMatch(/timestamp-query|wall clock/)
    // what the adapter lacks is named with its reason, never left out in silence
    const named = [...ids, ...(machine.identity.absent as {id: string}[]).map(({id}) => id)]
    for (const id of ['fma-f16-vec4', 'subgroup-matrix-f16', 'subgroup-matrix-f32']) expect(named).toContain(id)

    const shown = await answer<Machine>('machine', 'show', 'local-gpu')
    expect(shown.ceilings).toEqual(machine.ceilings)
    const analysis = await answer<{machine: {id: string}}>('analyze', 'gpt2', '--machine', 'local-gpu')
    expect(analysis.machine.id).toBe('local-gpu')

    const {kernels} = await answer<Bench>('bench', 'rmsnorm', 'gelu', '--backend', 'webgpu', ...adapter)
    for (const kernel of kernels) {
      expect(kernel.adapter).toBe(machine.name)
      expect(kernel.maxError).toBeLessThan(1e-5)
      expect(kernel.seconds.min).toBeGreaterThan(0)
      expect(kernel.attainable).toBeGreaterThan(0)
    }
    const {pairs} = await answer<FusedComparison>('compare', '--fused', 'bias+gelu', '--backend', 'webgpu', ...adapter)
    expect(pairs[0]!.bytesSaved).toBeGreaterThan(0)
    expect(pairs[0]!.speedup).toBeGreaterThan(0)
    expect(pairs[0]!.unfused.parts).toEqual(['bias', 'gelu'])
    const decode = ['compare', '--fused', 'attention-decode', '--dims', '1x1x64x4x2x16']
    const decoded = await answer<FusedComparison>(...decode, '--backend', 'webgpu', ...adapter)
    expect(decoded.pairs[0]!.fused.maxError).toBeLessThan(1e-5)
    expect(decoded.pairs[0]!.dims).toMatchObject({seq: 1, cached: 64})
  })

  it.each([
    [['bench', 'gemm', '--dims', '0x4x4'], 2, 'bad-dimension', /m = 0/],
    [['bench', 'gemm', '--dims', '4x4'], 2, 'bad-dimension', /m × n × k/],
    [['bench', 'dequantize-int4+gemm', '--dims', '4x12x48x32'], 2, 'bad-dimension', /32 in k = 48/],
    [['bench', 'rope', '--dims', '1x4x2x2x7'], 2, 'bad-dimension', /headDim = 7 is odd/],
    [['bench', 'attention-gqa', '--dims', '1x4x3x2x8x1'], 2, 'bad-dimension', /kvHeads = 2/],
    [['bench', 'nothing'], 3, 'unknown-kernel', /nothing/],
    [['bench', 'gelu', '--threads', '2'], 2, 'bad-flag', /--threads/],
    [['bench', 'gelu', '--dims', '2147483648'], 4, 'does-not-fit', /GB/],
    ...(half ? [] : [[['bench', 'gemm-f16'], 4, 'no-adapter', /lacks the feature shader-f16/] as const]),
    [['bench', 'gemm', '--dtype', 'f16'], 2, 'bad-flag', /f32/],
  ] as const)('refuse %j', async (argv, exit, code, message) => {
    const {saveGpuProfile} = await import('../../../src/kernels/webgpu/profile.ts')
    const session = await openNodeGpu({adapter: adapter[1]})
    await saveGpuProfile(profileOf(session.facts.name))
    session.close()
    const {code: got, stdout} = await run(...argv, '--backend', 'webgpu', ...adapter, '--json')
    const {error} = JSON.parse(stdout)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(got).toBe(exit)
  })
})

const provenance = {kind: 'measured', source: 'a test', date: '2026-11-21'} as const
const profileOf = (name: string): Machine => ({
  id: 'local-gpu',
  name,
  identity: {},
  profile: 'quick',
  ceilings: [
    {id: 'fma', kind: 'compute', operation: 'fma', dtype: 'f32', value: 1e10, unit: 'FLOP/s', provenance},
    {id: 'read-DRAM', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 1e9, unit: 'B/s', provenance},
  ],
})

it('an adapter that is not there is exit 4 with a next step', async () => {
  const {code, stdout} = await run('measure', 'webgpu', '--adapter', 'no such GPU', '--json')
  const {error} = JSON.parse(stdout)
  expect(code).toBe(4)
  expect(error.code).toBe('no-adapter')
  expect(error.suggestions.length).toBeGreaterThan(0)
})

it('measure all without that adapter measures the processor and says what it skipped', {timeout: 120_000}, async () => {
  const {code, stdout} = await run('measure', 'all', '--quick', '--threads', '1', '--adapter', 'no such GPU', '--json')
  const {result, warnings} = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(result.id).toBe('local')
  expect(result.ceilings.length).toBeGreaterThan(0)
  expect(warnings).toContainEqual({code: 'skipped', message: expect.stringMatching(/webgpu was skipped: WebGPU/)})
})

it('local-gpu without a profile says how to make one', async () => {
  const {code, stdout} = await run('analyze', 'gpt2', '--machine', 'local-gpu', '--json')
  expect(code).toBe(4)
  expect(JSON.parse(stdout).error).toMatchObject({
    code: 'no-profile',
    suggestions: ['perf measure webgpu', expect.any(String)],
  })
})

it('--adapter without a GPU backend is refused', async () => {
  const {code, stdout} = await run('bench', 'gelu', '--adapter', 'software', '--json')
  expect(code).toBe(2)
  expect(JSON.parse(stdout).error.suggestions).toEqual(['--backend webgpu'])
})

it.each([
  [['measure', 'webgpu', '--threads', '2'], /--threads/],
  [['measure', 'webgpu', '--isa', 'avx2'], /--isa/],
  [['measure', 'cpu', '--adapter', 'software'], /--adapter/],
])('refuses flags of the other half: %j', async (argv, message) => {
  const {code, stdout} = await run(...argv, '--json')
  expect(code).toBe(2)
  expect(JSON.parse(stdout).error.message).toMatch(message)
})

it('doctor has a line on WebGPU', async () => {
  const {checks} = await answer<{checks: {id: string; found: string}[]}>('doctor')
  expect(checks.find(({id}) => id === 'webgpu')!.found).toMatch(/webgpu|adapter|software|GPU/i)
})
