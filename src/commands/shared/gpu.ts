/** The GPU behind `measure webgpu` and `--backend webgpu`. Everything of it is loaded when it is asked for, not before. */
import type {Checkup} from '../../analysis/document/doctor.ts'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import type {GpuSession} from '../../kernels/webgpu/session.ts'
import type {MachineHost} from './machine.ts'

/** Opens the adapter, works, and gives the device back whatever happens: an open one keeps the process alive. */
export async function withGpu<T>(adapter: string | undefined, work: (session: GpuSession) => Promise<T>): Promise<T> {
  const {openNodeGpu} = await import('../../kernels/webgpu/node.ts')
  const session = await openNodeGpu({adapter})
  try {
    return await work(session)
  } finally {
    session.close()
  }
}

/** Measures an opened GPU and saves its profile. */
export async function measureGpuAndSave(
  session: GpuSession,
  quick: boolean,
  host: MachineHost,
): Promise<{machine: Machine; path: string; saved: boolean}> {
  const [{measureGpu}, {saveGpuProfile}, {withProgress}, {readIdentity}] = await Promise.all([
    import('../../kernels/webgpu/measure.ts'),
    import('../../kernels/webgpu/profile.ts'),
    import('./measuring.ts'),
    import('../../kernels/identity.ts'),
  ])
  const {os, tool} = readIdentity()
  const measured = await withProgress(host.showsProgress, (onProgress) =>
    measureGpu(session, {quick, os, tool, onProgress}),
  )
  for (const warning of measured.warnings) host.remark(warning)
  const {saved, path, warnings} = await saveGpuProfile(measured.machine)
  for (const warning of warnings) host.remark(warning)
  return {machine: measured.machine, path, saved}
}

/** The adapter's saved profile, or a quick measurement of it. */
export async function gpuMachine(session: GpuSession, host: MachineHost): Promise<Machine> {
  const {loadGpuProfile} = await import('../../kernels/webgpu/profile.ts')
  const saved = loadGpuProfile(session.facts.name)
  if (saved) return saved
  host.say(`no profile of ${session.facts.name} yet: measuring it quickly, once (about 5 s)`)
  return (await measureGpuAndSave(session, true, host)).machine
}

/** The GPU that was measured last: `--machine local-gpu`. */
export async function lastGpu(): Promise<Machine> {
  const {loadGpuProfile} = await import('../../kernels/webgpu/profile.ts')
  const machine = loadGpuProfile()
  if (machine) return machine
  throw new AnalysisError('no-profile', 'local-gpu has no profile: no GPU was measured through WebGPU yet', [
    'perf measure webgpu',
    '`perf machine list` shows the machines there are',
  ])
}

/** What `perf doctor` says of WebGPU: the adapters, software ones named as such. */
export async function gpuCheck(): Promise<Checkup> {
  const {nodeAdapters, softwareIsThere} = await import('../../kernels/webgpu/node.ts')
  const {missingFeatures} = await import('../../kernels/webgpu/adapters.ts')
  const software = softwareIsThere() ? '; --adapter software runs on the processor' : ''
  try {
    const adapters = await nodeAdapters()
    if (adapters.length > 0) {
      const said = adapters.map((facts) => {
        const missing = missingFeatures(facts)
        return missing.length === 0 ? facts.name : `${facts.name} without ${missing.join(', ')}`
      })
      return {id: 'webgpu', verdict: 'ok', found: said.join('; ') + software, fix: null}
    }
    return {
      id: 'webgpu',
      verdict: 'warn',
      found: `the package webgpu is installed and finds no GPU${software}`,
      fix: "install the GPU's Vulkan driver (Linux); without a GPU there is nothing to do",
    }
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error
    return {id: 'webgpu', verdict: 'warn', found: error.message, fix: error.suggestions[0] ?? null}
  }
}
