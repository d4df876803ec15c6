import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import type {Bench as BenchResult} from '../analysis/document/bench.ts'
import {BaseCommand} from './shared/base.ts'
import {number, reportFlag} from './shared/flags.ts'
import {kernelFlags, runKernels} from './shared/kernels.ts'

export default class Bench extends BaseCommand {
  static override summary = 'Run kernels, check them against their reference, place them under the roof'
  static override description =
    'KERNEL… names which; without one every kernel runs at a size that stays in a cache and at one that comes from memory.'
  static override examples = [
    '<%= config.bin %> bench',
    '<%= config.bin %> bench gemm --dims 512x512x512 --threads 1',
    '<%= config.bin %> bench chain --dims 65536x2:8',
    '<%= config.bin %> bench softmax --sweep',
    '<%= config.bin %> bench --load ./mykernel.so',
  ]
  static override args = {
    kernel: Args.string({ignoreStdin: true, multiple: true, description: 'kernels to run (default: all)'}),
  }
  static override flags = {
    ...kernelFlags,
    sweep: Flags.boolean({
      default: false,
      summary: "sizes from a core's cache to memory",
      helpGroup: 'KERNELS',
    }),
    ...reportFlag,
    load: Flags.string({
      summary: 'run the kernel of a shared object (C header: native/include/ridgepoint/kernel.h)',
      helpValue: 'FILE.so',
      helpGroup: 'KERNELS',
    }),
    timeout: number(
      'timeout',
      'seconds without a sign after which a loaded kernel is given up (default 60)',
      'KERNELS',
    ),
  }

  protected override readonly hasOwnConfig = true

  async run(): Promise<void> {
    const {args, flags} = await this.read(Bench)
    // as `compare --fused` takes pairs
    const names = (args.kernel ?? []).flatMap((name) => name.split(','))
    if (this.wantsConfig)
      return this.answerConfig({
        kernel: names.join(',') || 'all',
        dims: flags.dims?.map((size) => size.join('x')).join(',') ?? null,
        dtype: flags.dtype ?? 'all',
        threads: flags.threads ?? null,
        sweep: flags.sweep,
        load: flags.load ?? null,
        timeout: flags.timeout ?? null,
        isa: flags.isa ?? null,
        backend: flags.backend ?? 'cpu',
        adapter: flags.adapter ?? null,
      })
    const {kernels, warnings, machine} = await runKernels(flags, names, this)
    for (const warning of warnings) this.remark(warning)
    const result: BenchResult = {kernels}
    if (flags.report !== undefined) {
      const {writeBench} = await import('./shared/report.ts')
      await writeBench(flags.report, {kernels, machine, warnings: this.warnings})
      this.say(`wrote ${flags.report}`)
    }
    await this.answer({
      schema: 'bench@1',
      result,
      text: async (look) => (await import('../../reports/text/bench.ts')).benchText(result, look),
      sheets: async () => (await import('../../reports/text/bench.ts')).benchSheets(result),
      next: 'perf compare --fused all',
    })
  }
}
