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
    const {machine, path, saved} = await measureAndSave({quick: flags.quick, threads, isa: flags.isa, sustain}, this)
    if (saved) this.say(`saved ${path}`)
    if (args.what === 'all') await this.gpuWherePresent(flags.adapter, flags.quick)
    await this.answer(machineAnswer(machineJson(machine), 'perf analyze transformer --batch 32'))
  }

  private async gpu(adapter: string | undefined, quick: boolean): Promise<Machine> {
    const {measureGpuAndSave, withGpu} = await import('./shared/gpu.ts')
    const {machine, path, saved} = await withGpu(adapter, (session) => measureGpuAndSave(session, quick, this))
    if (saved) this.say(`saved ${path}`)
    return machine
  }

  /** What `all` adds to the processor: the answer is the processor's, the GPU is saved as `local-gpu`. */
  private async gpuWherePresent(adapter: string | undefined, quick: boolean): Promise<void> {
    try {
      const {name} = await this.gpu(adapter, quick)
      this.say(`measured ${name} as well: perf machine show local-gpu`)
    } catch (error) {
      if (!(error instanceof AnalysisError) || error.exitCode !== exitCodes.environment) throw error
      this.remark({code: 'skipped', message: `webgpu was skipped: ${error.message}`})
    }
  }
}
