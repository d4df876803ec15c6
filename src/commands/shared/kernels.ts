/** What `bench` and `compare --fused` share: their flags, and the roof they are placed under. */
import * as Flags from '@oclif/core/flags'
import {AnalysisError} from '../../analysis/errors.ts'
import {wholeNumber} from '../../analysis/workload.ts'
import type {BenchOptions} from '../../kernels/bench.ts'
import {loadNative} from '../../kernels/native.ts'
import {number, workloadFlags} from './flags.ts'
import {localMachine, type MachineHost} from './machine.ts'
import type {Values} from './values.ts'

const group = 'KERNELS'

export const kernelFlags = {
  dims: Flags.custom<number[]>({
    summary: 'sizes, in the order of the kernel',
    helpValue: 'MxNxK',
    helpGroup: group,
    parse: async (text) => {
      const sizes = text.split(/[x×]/)
      if (!sizes.every((size) => /^\d{1,15}$/.test(size)))
        throw new AnalysisError(
          'bad-flag',
          `--dims ${JSON.stringify(text.slice(0, 64))} is not whole numbers joined by x`,
          ['for example --dims 512x512x512'],
        )
      return sizes.map(Number)
    },
  })(),
  dtype: workloadFlags.dtype,
  threads: number('threads', 'threads (default: all that may be used)', group),
  isa: Flags.string({summary: 'instruction set (default: the widest)', helpValue: 'ISA', helpGroup: group}),
  backend: Flags.option({
    options: ['cpu', 'webgpu'] as const,
    summary: 'where to run (default cpu)',
    helpGroup: group,
  })(),
}

/**
 * Options of a run on this machine's processor, with its profile as the roof.
 * @throws AnalysisError `no-addon` where nothing can run, `no-adapter` for webgpu, `bad-flag`
 */
export async function benchOptions(flags: Values<typeof kernelFlags>, host: MachineHost): Promise<BenchOptions> {
  const {dims, dtype, threads, isa, backend} = flags
  if (backend === 'webgpu')
    throw new AnalysisError('no-adapter', '--backend webgpu: kernels do not run through WebGPU yet', ['--backend cpu'])
  if (threads !== undefined) wholeNumber(threads, '--threads')
  loadNative()
  const machine = await localMachine(host)
  return {dims, dtype, threads, isa, machine}
}
