/** What `bench` and `compare --fused` share: their flags, and the roof they are placed under. */
import * as Flags from '@oclif/core/flags'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import {wholeNumber} from '../../analysis/workload.ts'
import {parseSizes} from '../../kernels/dims.ts'
import {loadNative} from '../../kernels/native.ts'
import type {BenchOptions} from '../../kernels/run.ts'
import type {GpuBenchOptions} from '../../kernels/webgpu/bench.ts'
import type {GpuSession} from '../../kernels/webgpu/session.ts'
import {dtypeNames, number} from './flags.ts'
import {localMachine, type MachineHost} from './machine.ts'
import {withProgress} from './measuring.ts'
import type {Values} from './values.ts'

const group = 'KERNELS'

export const adapterFlag = (helpGroup: string) =>
  Flags.string({
    summary: 'GPU: high-performance (default), low-power, software, or a part of its name',
    helpValue: 'NAME',
    helpGroup,
  })

export const kernelFlags = {
  dims: Flags.custom<number[][]>({
    summary: 'sizes, in the order of the kernel; several as MxN,MxN or with a range, 4096x2:8',
    helpValue: 'MxNxK',
    helpGroup: group,
    parse: async (text) => parseSizes(text),
  })(),
  dtype: Flags.option({
    options: dtypeNames,
    summary: 'only the kernels of this type (default: every type that a kernel has)',
    helpGroup: group,
  })(),
  threads: number('threads', 'threads (default: all that may be used)', group),
  isa: Flags.string({summary: 'instruction set (default: the widest)', helpValue: 'ISA', helpGroup: group}),
  backend: Flags.option({
    options: ['cpu', 'webgpu'] as const,
    summary: 'where to run (default cpu)',
    helpGroup: group,
  })(),
  adapter: adapterFlag(group),
}

type KernelFlags = Values<typeof kernelFlags>

/**
 * Options of a run on this machine's processor, with its profile as the roof.
 * @throws AnalysisError `no-addon` where nothing can run, `bad-flag`
 */
async function cpuOptions(flags: KernelFlags, host: MachineHost): Promise<BenchOptions> {
  const {dims, dtype, threads, isa} = flags
  if (flags.adapter !== undefined)
    throw new AnalysisError('bad-flag', '--adapter chooses a GPU; kernels run on the processor', ['--backend webgpu'])
  if (threads !== undefined) wholeNumber(threads, '--threads')
  loadNative()
  const machine = await localMachine(host)
  return {sizes: dims, dtype, threads, isa, machine}
}

/** Refuses what means nothing on a GPU, opens it, and finds its roof. */
async function onGpu<T extends object>(
  flags: KernelFlags,
  host: MachineHost,
  work: (session: GpuSession, options: GpuBenchOptions) => Promise<T>,
): Promise<T & {machine: Machine}> {
  for (const flag of ['threads', 'isa'] as const)
    if (flags[flag] !== undefined)
      throw new AnalysisError('bad-flag', `--${flag} is of processors; with --backend webgpu it has no meaning`, [
        `leave --${flag} out`,
      ])
  const {gpuMachine, withGpu} = await import('./gpu.ts')
  return withGpu(flags.adapter, async (session) => {
    const machine = await gpuMachine(session, host)
    return {...(await work(session, {sizes: flags.dims, dtype: flags.dtype, machine})), machine}
  })
}

/** Runs on the processor with a progress bar; the answer names the machine whose roof was used. */
const onCpu = async <T>(
  {machine}: BenchOptions,
  host: MachineHost,
  work: (onProgress: BenchOptions['onProgress']) => Promise<T>,
): Promise<T & {machine: Machine}> => ({...(await withProgress(host.showsProgress, work)), machine})

/**
 * Runs kernels where `--backend` says.
 * @throws AnalysisError `no-addon`, `no-adapter`, and as the benches
 */
export async function runKernels(
  flags: KernelFlags & {sweep?: boolean; load?: string | undefined; timeout?: number | undefined},
  kernels: readonly string[],
  host: MachineHost,
) {
  const {sweep, load, timeout} = flags
  if (timeout !== undefined) {
    if (load === undefined)
      throw new AnalysisError('bad-flag', '--timeout is of kernels that --load brings', ['leave --timeout out'])
    wholeNumber(timeout, '--timeout', 1, 86_400)
  }
  if (sweep && flags.dims)
    throw new AnalysisError('bad-flag', '--sweep chooses the sizes and excludes --dims', ['leave --dims out'])
  if (load !== undefined && (kernels.length > 0 || sweep))
    throw new AnalysisError('bad-flag', '--load runs one shared object: no kernel names and no --sweep beside it', [
      'perf bench --load ./mykernel.so --dims 1024',
    ])
  for (const flag of ['dtype', 'isa'] as const)
    if (load !== undefined && flags[flag] !== undefined)
      throw new AnalysisError(
        'bad-flag',
        `--${flag} is of our own kernels: a shared object has what it was built with`,
        [`leave --${flag} out`],
      )
  if (flags.backend === 'webgpu' && (sweep || load !== undefined))
    throw new AnalysisError('bad-flag', `--${sweep ? 'sweep' : 'load'} is of processors`, ['--backend cpu'])
  if (flags.backend === 'webgpu') {
    const {benchGpuKernels} = await import('../../kernels/webgpu/bench.ts')
    return onGpu(flags, host, (session, options) =>
      withProgress(host.showsProgress, (onProgress) => benchGpuKernels(session, {...options, kernels, onProgress})),
    )
  }
  if (load !== undefined) {
    const options = await cpuOptions(flags, host)
    const {benchUserKernel} = await import('../../kernels/user-kernel.ts')
    return onCpu(options, host, (onProgress) => benchUserKernel(load, {...options, timeout, onProgress}))
  }
  const {benchKernels, kernelRuns} = await import('../../kernels/bench.ts')
  // a wrong name is refused before a machine without a profile is measured
  kernelRuns({sizes: flags.dims, dtype: flags.dtype, threads: flags.threads, sweep, kernels})
  const options = {...(await cpuOptions(flags, host)), ...(sweep ? {sweep} : {})}
  return onCpu(options, host, (onProgress) => benchKernels({...options, kernels, onProgress}))
}

/** As `runKernels`, fused pairs. */
export async function runPairs(flags: KernelFlags, pairs: readonly string[] | undefined, host: MachineHost) {
  if (flags.backend === 'webgpu') {
    const {benchGpuPairs} = await import('../../kernels/webgpu/bench.ts')
    return onGpu(flags, host, (session, options) =>
      withProgress(host.showsProgress, (onProgress) => benchGpuPairs(session, {...options, pairs, onProgress})),
    )
  }
  const {benchPairs, pairRuns} = await import('../../kernels/pairs.ts')
  pairRuns({sizes: flags.dims, dtype: flags.dtype, threads: flags.threads, pairs})
  const options = await cpuOptions(flags, host)
  return onCpu(options, host, (onProgress) => benchPairs({...options, pairs, onProgress}))
}
