import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, exitCodes} from '../analysis/errors.ts'
import {machineJson} from '../analysis/importers/machine-file.ts'
import {wholeNumber} from '../analysis/workload.ts'
import {BaseCommand} from './shared/base.ts'
import {number} from './shared/flags.ts'
import {adapterFlag} from './shared/kernels.ts'
import {measureAndSave} from './shared/measuring.ts'
import {machineAnswer} from './shared/show.ts'

/** Seconds: a day. */
const longestSustain = 86_400

export default class Measure extends BaseCommand {
  static override summary = "Measure this machine's ceilings and save them as its profile"
  static override description =
    'cpu measures arithmetic peaks and the bandwidth of every cache level and of memory, webgpu the same of a GPU. all skips what is absent, and says so.'
  static override examples = [
    '<%= config.bin %> measure',
    '<%= config.bin %> measure --quick',
    '<%= config.bin %> measure --sustain 60',
    '<%= config.bin %> measure --json > this-machine.json',
  ]
  static override args = {
    what: Args.string({
      ignoreStdin: true,
      description: 'cpu, webgpu or all',
      options: ['cpu', 'webgpu', 'all'],
      default: 'cpu',
    }),
  }
  static override flags = {
    quick: Flags.boolean({default: false, summary: 'under 3 seconds instead of up to 30', helpGroup: 'MEASURING'}),
    threads: number('threads', 'threads of the many-thread ceilings (default: all that may be used)', 'MEASURING'),
    sustain: number(
      'sustain',
      'then load every thread for so many seconds: the ceiling that remains when hot',
      'MEASURING',
    ),
    isa: Flags.string({
      summary: 'only this instruction set, or amx alone; not saved',
      helpValue: 'ISA',
      helpGroup: 'MEASURING',
    }),
    adapter: adapterFlag('MEASURING'),
  }

  protected override readonly hasOwnConfig = true

  async run(): Promise<void> {
    const {args, flags} = await this.read(Measure)
    const threads = flags.threads === undefined ? undefined : wholeNumber(flags.threads, '--threads')
    if (this.wantsConfig)
      return this.answerConfig({
        what: args.what,
        quick: flags.quick,
        threads: threads ?? null,
        isa: flags.isa ?? null,
        sustain: flags.sustain ?? null,
        adapter: flags.adapter ?? null,
      })
    if (args.what === 'cpu' && flags.adapter !== undefined)
      throw new AnalysisError('bad-flag', '--adapter chooses a GPU; measure cpu measures the processor', [
        'perf measure webgpu --adapter NAME',
      ])
    if (args.what === 'webgpu') {
      for (const flag of ['threads', 'isa', 'sustain'] as const)
        if (flags[flag] !== undefined)
          throw new AnalysisError('bad-flag', `--${flag} is of processors; measure webgpu measures a GPU`, [
            `leave --${flag} out`,
          ])
      const machine = await this.gpu(flags.adapter, flags.quick)
      return this.answer(machineAnswer(machineJson(machine), 'perf analyze transformer --machine local-gpu'))
    }
    const sustain = flags.sustain === undefined ? undefined : wholeNumber(flags.sustain, '--sustain', 1, longestSustain)
    const cpu = () => this.cpu({quick: flags.quick, threads, isa: flags.isa, sustain})
    const machine = args.what === 'cpu' ? await cpu() : await this.all(cpu, () => this.gpu(flags.adapter, flags.quick))
    const next = `perf analyze transformer ${machine.id === 'local-gpu' ? '--machine local-gpu' : '--batch 32'}`
    await this.answer(machineAnswer(machineJson(machine), next))
  }

  private async cpu(options: Parameters<typeof measureAndSave>[0]): Promise<Machine> {
    const {machine, path, saved} = await measureAndSave(options, this)
    if (saved) this.say(`saved ${path}`)
    return machine
  }

  private async gpu(adapter: string | undefined, quick: boolean): Promise<Machine> {
    const {measureGpuAndSave, withGpu} = await import('./shared/gpu.ts')
    const {machine, path, saved} = await withGpu(adapter, (session) => measureGpuAndSave(session, quick, this))
    if (saved) this.say(`saved ${path}`)
    return machine
  }

  /**
   * Both, each where it is there: the answer is the processor's, the GPU is saved as `local-gpu`; without an addon it is the GPU's.
   * @throws what kept the processor from being measured where there is no GPU either
   */
  private async all(cpu: () => Promise<Machine>, gpu: () => Promise<Machine>): Promise<Machine> {
    const processor = await unless(({code}) => code === 'no-addon', cpu)
    if (processor instanceof AnalysisError)
      this.remark({code: 'skipped', message: `cpu was skipped: ${processor.message}`})
    const other = await unless(({exitCode}) => exitCode === exitCodes.environment, gpu)
    if (other instanceof AnalysisError) {
      this.remark({code: 'skipped', message: `webgpu was skipped: ${other.message}`})
      if (processor instanceof AnalysisError) throw processor
      return processor
    }
    if (processor instanceof AnalysisError) return other
    this.say(`measured ${other.name} as well: perf machine show local-gpu`)
    return processor
  }
}

/** What was measured, or the error that says that it is not there. */
async function unless(
  isAbsent: (error: AnalysisError) => boolean,
  measure: () => Promise<Machine>,
): Promise<Machine | AnalysisError> {
  try {
    return await measure()
  } catch (error) {
    if (error instanceof AnalysisError && isAbsent(error)) return error
    throw error
  }
}
