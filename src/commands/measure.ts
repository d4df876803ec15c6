import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import {AnalysisError} from '../analysis/errors.ts'
import {machineJson} from '../analysis/importers/machine-file.ts'
import {wholeNumber} from '../analysis/workload.ts'
import {BaseCommand} from './shared/base.ts'
import {number} from './shared/flags.ts'
import {measureAndSave} from './shared/measuring.ts'
import {machineAnswer} from './shared/show.ts'

export default class Measure extends BaseCommand {
  static override summary = "Measure this machine's ceilings and save them as its profile"
  static override description =
    'cpu measures arithmetic peaks and the bandwidth of every cache level and of memory. all skips what is absent, and says so.'
  static override examples = [
    '<%= config.bin %> measure',
    '<%= config.bin %> measure --quick',
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
    isa: Flags.string({summary: 'only this instruction set', helpValue: 'ISA', helpGroup: 'MEASURING'}),
  }

  async run(): Promise<void> {
    const {args, flags} = await this.read(Measure)
    const threads = flags.threads === undefined ? undefined : wholeNumber(flags.threads, '--threads')
    if (this.wantsConfig)
      return this.answerConfig({what: args.what, quick: flags.quick, threads: threads ?? null, isa: flags.isa ?? null})
    const noGpu = 'GPUs are not measured through WebGPU yet'
    if (args.what === 'webgpu')
      throw new AnalysisError('no-adapter', noGpu, ['`perf measure cpu` measures the processor', '--machine h100-sxm'])
    if (args.what === 'all') this.remark({code: 'skipped', message: `webgpu was skipped: ${noGpu}`})
    const {machine, path, saved} = await measureAndSave({quick: flags.quick, threads, isa: flags.isa}, this)
    if (saved) this.say(`saved ${path}`)
    await this.answer(machineAnswer(machineJson(machine), 'perf analyze transformer --batch 32'))
  }
}
