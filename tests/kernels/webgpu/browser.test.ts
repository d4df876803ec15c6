import {existsSync, mkdtempSync, rmSync} from 'node:fs'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {build} from 'esbuild'
import {type BrowserContext, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {machineSchema} from '../../../src/analysis/document/machine.ts'

const executable = process.env.CHROMIUM ?? '/usr/bin/chromium'
const present = existsSync(executable)
const required = process.env.CI === 'true' || process.env.RIDGEPOINT_BROWSER === 'required'
const missing = `no Chromium at ${executable}: install it (Debian: apt-get install chromium) or set CHROMIUM to its path`
if (!present) {
  if (required) it('finds Chromium', () => expect.fail(missing))
  else it.skip(`kernels in a browser: ${missing}`)
}

const entry = fileURLToPath(new URL('../../../src/kernels/webgpu/index.ts', import.meta.url))

/** The module as a page would bundle it: for a browser, so that anything of Node fails here. */
async function bundle(): Promise<{code: string; inputs: string[]}> {
  const {outputFiles, metafile} = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'gpuKernels',
    logLevel: 'silent',
  })
  return {code: outputFiles[0]!.text, inputs: Object.keys(metafile.inputs)}
}

it('the module for pages holds nothing of Node and no command', async () => {
  const {inputs} = await bundle()
  expect(
    inputs.filter((name) => /node:|src\/commands|webgpu\/node\.ts|webgpu\/profile\.ts|native\.ts/.test(name)),
  ).toEqual([])
})

describe.runIf(present)('kernels in Chromium', {timeout: 120_000}, () => {
  let folder = ''
  let server: Server
  let contexts: BrowserContext[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ridgepoint-gpu-'))
    const {code} = await bundle()
    server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<!doctype html><script>${code.replaceAll('</script', '<\\/script')}</script>`)
    })
    // from localhost, since browsers give WebGPU to secure pages alone
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  }, 120_000)

  afterAll(async () => {
    for (const context of contexts) await context.close()
    contexts = []
    server?.close()
    rmSync(folder, {recursive: true, force: true})
  })

  async function open(name: string, args: string[]): Promise<Page> {
    const context = await chromium.launchPersistentContext(join(folder, name), {
      executablePath: executable,
      args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', ...args],
    })
    contexts.push(context)
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    return page
  }

  it('check against the reference and are timed on SwiftShader', async () => {
    const page = await open('with', ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'])
    const found = await page.evaluate(async () => {
      const gpu = (globalThis as unknown as {gpuKernels: typeof import('../../../src/kernels/webgpu/index.ts')})
        .gpuKernels
      const session = await gpu.openBrowserGpu(navigator.gpu)
      const def = gpu.gpuKernels.rmsnorm!
      const error = await gpu.checkOnGpu(session, def.program(def.check), def)
      const machine = {
        id: 'local-gpu',
        name: session.facts.name,
        identity: {},
        ceilings: [],
      }
      const {kernels} = await gpu.benchGpuKernels(session, {machine, kernels: ['gelu'], sizes: [[4096]]})
      session.close()
      return {error, facts: session.facts, timer: session.timer, kernel: kernels[0]!}
    })
    expect(found.error).toBeLessThan(1e-5)
    expect(found.facts.software).toBe(true)
    expect(found.facts.name).toMatch(/software/)
    expect(['timestamp-query', 'wall clock']).toContain(found.timer.kind)
    expect(found.timer.resolution).toBe(1e-4)
    expect(found.kernel).toMatchObject({id: 'gelu', dims: {elements: 4096}, attainable: null, bound: null})
    expect(found.kernel.maxError).toBeLessThan(1e-5)
    expect(found.kernel.seconds.median).toBeGreaterThan(0)
  })

  it('measure ceilings with progress, as a page would', async () => {
    const page = contexts[0]!.pages().at(-1)!
    const found = await page.evaluate(async () => {
      const gpu = (globalThis as unknown as {gpuKernels: typeof import('../../../src/kernels/webgpu/index.ts')})
        .gpuKernels
      const session = await gpu.openBrowserGpu(navigator.gpu)
      const steps: [number, number][] = []
      const {machine, warnings} = await gpu.measureGpu(session, {
        quick: true,
        os: navigator.userAgent,
        onProgress: (done, total) => steps.push([done, total]),
      })
      session.close()
      return {machine, warnings, steps}
    })
    machineSchema.parse(found.machine)
    expect(found.machine.ceilings.map(({id}) => id)).toEqual(
      expect.arrayContaining(['fma-f32-vec4', 'copy-DRAM', 'launch']),
    )
    expect(found.warnings.map(({code}) => code)).toContain('software-adapter')
    expect(found.steps.length).toBeGreaterThan(20)
    for (const [done, total] of found.steps) expect(done).toBeLessThanOrEqual(total)
  })

  it('a browser without WebGPU is told so', async () => {
    const page = await open('without', ['--disable-features=WebGPU,WebGPUService', '--disable-gpu'])
    const message = await page.evaluate(async () => {
      const gpu = (globalThis as unknown as {gpuKernels: typeof import('../../../src/kernels/webgpu/index.ts')})
        .gpuKernels
      try {
        await gpu.openBrowserGpu(navigator.gpu)
        return 'opened'
      } catch (error) {
        return (error as Error).message
      }
    })
    expect(message).toMatch(/WebGPU/)
  })
})
