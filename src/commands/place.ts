import * as Flags from '@oclif/core/flags'
import {AnalysisError} from '../analysis/errors.ts'
import {parsePoints, place, pointOf} from '../analysis/place.ts'
import {BaseCommand} from './shared/base.ts'
import {machineFlags, workloadFlags} from './shared/flags.ts'
import {findMachines} from './shared/machine.ts'
import {readInput} from './shared/model.ts'

const measured = (summary: string, helpValue: string) => Flags.string({summary, helpValue, helpGroup: 'MEASUREMENT'})

export default class Place extends BaseCommand {
  static override summary = 'Put measurements made elsewhere under the roof'
  static override examples = [
    '<%= config.bin %> place --flops "137 GFLOP" --bytes "100 MB" --seconds "3 ms" --machine h100-sxm --dtype bf16',
    '<%= config.bin %> place --points measured.csv --machine h100-sxm --dtype bf16',
  ]
  static override flags = {
    flops: measured('work done', '"137 GFLOP"'),
    bytes: measured('bytes moved', '"100 MB"'),
    seconds: measured('time taken', '"3 ms"'),
    name: measured('what was measured', 'NAME'),
    points: measured('many at once: CSV with name,flops,bytes,seconds, or JSON; - for standard input', 'FILE'),
    dtype: workloadFlags.dtype,
    engine: Flags.option({
      options: ['matrix', 'vector'] as const,
      summary: 'which units computed',
      helpGroup: 'MEASUREMENT',
    })(),
    level: Flags.option({
      options: ['L1', 'L2', 'L3', 'DRAM'] as const,
      summary: 'memory level of the bytes (default the outermost)',
      helpGroup: 'MEASUREMENT',
    })(),
    machine: machineFlags.machine,
  }

  async run(): Promise<void> {
    const {flags} = await this.read(Place)
    const {flops, bytes, seconds, name, points: file, dtype, engine, level} = flags
    const single = [flops, bytes, seconds].filter((value) => value !== undefined).length
    if (file !== undefined ? single > 0 : single < 3)
      throw new AnalysisError(
        'bad-flag',
        file !== undefined
          ? '--points and --flops, --bytes, --seconds exclude one another'
          : 'one measurement needs --flops, --bytes and --seconds',
        ['give --flops, --bytes and --seconds, or --points FILE'],
      )
    const points =
      file !== undefined
        ? parsePoints(await readInput(file, 'a file of points'), file === '-' ? 'standard input' : file)
        : [pointOf({flops, bytes, seconds, ...(name === undefined ? {} : {name})}, 'the measurement', 'measurement')]
    const [machine] = await findMachines(flags.machine ?? 'local', this)
    const {result, warnings} = place(points, machine, {dtype, engine, level})
    for (const warning of warnings) this.remark(warning)
    await this.answer({
      schema: 'placement@1',
      result,
      text: async (look) => (await import('../../reports/text/placement.ts')).placementText(result, look),
      sheets: async () => (await import('../../reports/text/placement.ts')).placementSheets(result),
      next: 'perf explain roofline',
    })
  }
}
