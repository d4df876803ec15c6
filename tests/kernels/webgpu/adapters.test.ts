import {afterEach, describe, expect, it, vi} from 'vitest'
import {chooseAdapter, factsOf, missingFeatures} from '../../../src/kernels/webgpu/adapters.ts'
import {openBrowserGpu} from '../../../src/kernels/webgpu/browser.ts'
import {matrixTasks, matrixUnitsOf} from '../../../src/kernels/webgpu/matrix-units.ts'
import {loadDawn, openNodeGpu} from '../../../src/kernels/webgpu/node.ts'
import {openSession} from '../../../src/kernels/webgpu/open.ts'
import {effortOf} from '../../../src/kernels/webgpu/plan.ts'
import {GpuSession} from '../../../src/kernels/webgpu/session.ts'
import {
  subgroupMatrixResult,
  subgroupMatrixWork,
  subgroupSizeAt,
} from '../../../src/kernels/wgsl/probes/subgroup-matrix.ts'

afterEach(() => vi.unstubAllEnvs())

const limits = {maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27}

/** An adapter as far as these functions look at one. */
const adapterOf = (features: string[], more: object = {}): GPUAdapter =>
  Object.assign(Object.create(null), {
    features: new Set(features),
    limits,
    info: {vendor: 'acme', architecture: '', device: '', description: 'Acme 1', ...more},
    requestDevice: () => Promise.reject(new Error('the driver said no')),
  })

const gpuOf = (...adapters: GPUAdapter[]): GPU =>
  Object.assign(Object.create(null), {requestAdapter: () => Promise.resolve(adapters[0] ?? null)})

describe('what is missing is exit 4 with a next step', () => {
  it('no driver: the software driver that was named does not exist', async () => {
    vi.stubEnv('VK_DRIVER_FILES', '/nowhere/driver.json')
    await expect(openNodeGpu({adapter: 'software'})).rejects.toMatchObject({
      code: 'no-adapter',
      exitCode: 4,
      message: expect.stringMatching(/\/nowhere\/driver\.json does not exist/),
      suggestions: [expect.stringMatching(/chromium/)],
    })
  })

  it('a package that does not load on this platform', async () => {
    await expect(loadDawn('data:text/javascript,throw new Error("no binary for plan9")')).rejects.toMatchObject({
      code: 'no-adapter',
      message: expect.stringMatching(/does not load here: no binary for plan9/),
    })
  })

  it.each([undefined, 'low-power', 'software', 'Acme'])('no adapter, asked for %s', async (choice) => {
    await expect(chooseAdapter(gpuOf(), choice)).rejects.toMatchObject({
      code: 'no-adapter',
      exitCode: 4,
      message: expect.stringMatching(/finds no adapter/),
      suggestions: expect.arrayContaining([expect.stringMatching(/perf doctor/)]),
    })
  })

  it('an adapter of another name: those that there are', async () => {
    await expect(chooseAdapter(gpuOf(adapterOf([])), 'Other')).rejects.toMatchObject({
      code: 'no-adapter',
      suggestions: [expect.stringMatching(/Acme 1/)],
    })
  })

  it('features that the environment withholds are not asked for; a name of none is refused', async () => {
    let asked: Iterable<string> = []
    const adapter = adapterOf(['shader-f16', 'subgroups', 'timestamp-query'])
    adapter.requestDevice = ((descriptor: GPUDeviceDescriptor) => {
      asked = descriptor.requiredFeatures ?? []
      const device = {features: new Set(asked), lost: new Promise(() => {})}
      return Promise.resolve(device)
    }) as never
    const {facts, timer} = await openSession(adapter, {timestampStep: 0, without: ['subgroups', 'timestamp-query']})
    expect([...asked]).toEqual(['shader-f16'])
    expect(facts).toMatchObject({
      features: ['shader-f16'],
      subgroups: null,
      withheld: ['subgroups', 'timestamp-query'],
    })
    expect(timer.kind).toBe('wall clock')
    vi.stubEnv('RIDGEPOINT_GPU_WITHOUT', 'subgroups,f16')
    await expect(openNodeGpu({adapter: 'software'})).rejects.toMatchObject({
      code: 'bad-flag',
      message: expect.stringMatching(/"f16" is no feature/),
      suggestions: [expect.stringMatching(/shader-f16,subgroups/)],
    })
  })

  it('an adapter that gives no device', async () => {
    await expect(openSession(adapterOf([]), {timestampStep: 0})).rejects.toMatchObject({
      code: 'no-adapter',
      exitCode: 4,
      message: expect.stringMatching(/Acme 1 gave no device: the driver said no/),
    })
  })

  it('an adapter that offers experimental matrices and refuses them opens without', async () => {
    const asked: string[][] = []
    const device = {features: new Set(['shader-f16']), lost: new Promise(() => {})}
    const adapter = adapterOf(['shader-f16', 'chromium-experimental-subgroup-matrix'])
    adapter.requestDevice = ((descriptor: GPUDeviceDescriptor) => {
      const features = [...(descriptor.requiredFeatures ?? [])] as string[]
      asked.push(features)
      return features.length > 1 ? Promise.reject(new Error('no')) : Promise.resolve(device)
    }) as GPUAdapter['requestDevice']
    expect((await openSession(adapter, {timestampStep: 0})).hasF16).toBe(true)
    expect(asked).toEqual([['shader-f16', 'chromium-experimental-subgroup-matrix'], ['shader-f16']])
  })

  it('a device that is out of memory, and one whose driver fails inside', async () => {
    // scopes are popped innermost first: validation, internal, out of memory
    const deviceOf = (...objections: (string | null)[]): GPUDevice =>
      Object.assign(Object.create(null), {
        lost: new Promise(() => {}),
        limits,
        pushErrorScope: () => undefined,
        popErrorScope: () => {
          const message = objections.shift()
          return Promise.resolve(message ? {message} : null)
        },
        createBuffer: () => ({destroy: () => undefined}),
        queue: {onSubmittedWorkDone: () => Promise.resolve()},
      })
    const timer = {kind: 'wall clock', resolution: 1e-4} as const
    const facts = factsOf(adapterOf([]))
    await expect(
      new GpuSession(deviceOf(null, null, 'VK_ERROR', null, null, 'VK_ERROR'), facts, timer).allocate(64, 'a'),
    ).rejects.toMatchObject({
      code: 'does-not-fit',
      exitCode: 4,
      message: expect.stringMatching(/a, .*Acme 1 is out of memory/),
      suggestions: [expect.stringMatching(/smaller --dims/)],
    })
    // memory that was given back a moment ago is there once the work that used it has ended
    const late = new GpuSession(deviceOf(null, null, 'VK_ERROR', null, null, null), facts, timer)
    expect(await late.allocate(64, 'a')).toBeDefined()
    await expect(new GpuSession(deviceOf(null, 'a bug', null), facts, timer).allocate(64, 'a')).rejects.toMatchObject({
      code: 'gpu-failed',
      exitCode: 4,
      message: expect.stringMatching(/a bug/),
    })
  })

  it('a browser with WebGPU and no adapter', async () => {
    await expect(openBrowserGpu(gpuOf())).rejects.toMatchObject({
      code: 'no-adapter',
      message: expect.stringMatching(/offers no GPU/),
      suggestions: [expect.stringMatching(/hardware acceleration/)],
    })
  })

  it('a browser without WebGPU', async () => {
    await expect(openBrowserGpu(undefined)).rejects.toMatchObject({
      code: 'no-adapter',
      message: expect.stringMatching(/this browser does not have it/),
    })
  })
})

describe('features of an adapter', () => {
  const feature = 'chromium-experimental-subgroup-matrix'
  const config = (M: number, N: number, K: number, componentType: string, resultComponentType = 'f32') => ({
    ...{M, N, K, componentType, resultComponentType},
  })
  const effort = effortOf(false, true)

  it('its name is the device and the driver, the driver of software, and where a browser tells neither the make', () => {
    const named = (info: object) => factsOf(adapterOf([], {description: '', ...info})).name
    // as Dawn on Vulkan says it: the device in its own spelling, the driver in the description
    const driver = {
      vendor: 'nvidia',
      architecture: 'hopper',
      device: 'nvidia-h100-80gb-hbm3',
      description: 'NVIDIA 580.159.04',
    }
    expect(named(driver)).toBe('nvidia-h100-80gb-hbm3, NVIDIA 580.159.04')
    const swiftShader = {
      architecture: 'swiftshader',
      device: 'swiftshader-device-subzero-',
      description: 'SwiftShader driver 5.0.0',
    }
    expect(named(swiftShader)).toBe('SwiftShader driver 5.0.0 (software)')
    expect(named({vendor: 'apple', architecture: 'metal-3'})).toBe('apple metal-3')
    expect(named({description: 'Acme 1'})).toBe('Acme 1')
  })

  it('that are missing are named', () => {
    expect(missingFeatures(factsOf(adapterOf(['timestamp-query'])))).toEqual(['shader-f16', feature])
    expect(missingFeatures(factsOf(adapterOf(['timestamp-query', 'shader-f16', feature])))).toEqual([])
  })

  it('subgroup matrices: only where the adapter says so, by its largest configuration', () => {
    expect(matrixUnitsOf(adapterOf([]))).toBeNull()
    const configs = [config(8, 8, 8, 'f16'), config(16, 16, 8, 'f16'), config(16, 16, 16, 'f16', 'f16')]
    const units = matrixUnitsOf(
      adapterOf([feature], {subgroupMatrixConfigs: configs, subgroupMinSize: 32, subgroupMaxSize: 64}),
    )
    expect(units).toEqual({configs, subgroupMin: 32, subgroupMax: 64})
    const {tasks, absent} = matrixTasks(units, true, effort, 256)
    expect(tasks.map(({ceiling}) => ceiling)).toMatchObject([
      {id: 'subgroup-matrix-f16', dtype: 'f16', engine: 'matrix', isa: 'subgroup matrix 16x16x8'},
    ])
    expect(absent).toEqual([
      {id: 'subgroup-matrix-f32', reason: 'the adapter offers no subgroup matrices of f32 summed in f32'},
    ])
    for (const {varied, shader} of tasks[0]!.candidates) {
      expect(varied.size % 64).toBe(0)
      expect(shader.code).toMatch(/enable subgroups;.*subgroup_size/s)
    }
    // nothing to ask where all subgroups are alike
    const alike = matrixTasks({...units!, subgroupMin: 64}, true, effort, 256).tasks[0]!.candidates[0]!
    expect(alike.shader.code).not.toMatch(/enable subgroups|subgroup_size/)
    expect(alike.shader.code).toMatch(/= 64\.0;/)
  })

  it.each([
    [null, true, 256, /lacks chromium-experimental-subgroup-matrix/],
    [{configs: [config(8, 8, 8, 'f16')], subgroupMin: 32, subgroupMax: 32}, false, 256, /lacks shader-f16/],
    [{configs: [config(8, 8, 8, 'f16')], subgroupMin: 32, subgroupMax: 128}, true, 64, /subgroup of 128 is larger/],
  ] as const)('absent with its reason: %j', (units, hasF16, largest, reason) => {
    const {tasks, absent} = matrixTasks(units, hasF16, effort, largest)
    expect(tasks).toEqual([])
    expect(absent[0]).toEqual({id: 'subgroup-matrix-f16', reason: expect.stringMatching(reason)})
  })

  it('counts the work of subgroups by their real size, by hand', () => {
    const p = {config: config(16, 8, 4, 'f16'), chains: 3, size: 128, workgroups: 10, loops: 5, unroll: 2}
    // 2·16·8·4 FLOP, 3 chains, 10 steps, 10 workgroups of 4 or 8 subgroups
    expect(subgroupMatrixWork(p, 32)).toBe(1024 * 3 * 10 * 10 * 4)
    expect(subgroupMatrixWork(p, 16)).toBe(1024 * 3 * 10 * 10 * 8)
    expect(subgroupSizeAt(p)).toBe(16 * 8 * 3)
    // element 300 is the third chain's: 2·0.5, and 10 steps of 4 products of 0.25·0.125
    expect(subgroupMatrixResult(p, [0.25, 0.125, 0.5, 0], 300)).toBe(1 + 1.25)
  })
})
