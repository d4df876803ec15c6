import * as Args from '@oclif/core/args'
import {machineJson} from '../../analysis/importers/machine-file.ts'
import {BaseCommand} from '../shared/base.ts'
import {findMachine} from '../shared/machine.ts'
import {machineAnswer} from '../shared/show.ts'

export default class MachineShow extends BaseCommand {
  static override summary = 'Show the ceilings of a machine and where each comes from'
  static override description = 'With --json it prints what `machine add` and --machine FILE read.'
  static override examples = [
    '<%= config.bin %> machine show h100-sxm',
    '<%= config.bin %> machine show h100-sxm --json > my-gpu.json',
  ]
  static override args = {machine: Args.string({ignoreStdin: true, required: true, description: 'id or file'})}

  async run(): Promise<void> {
    const {args} = await this.read(MachineShow)
    const machine = await findMachine(args.machine, this)
    await this.answer(machineAnswer(machineJson(machine), `perf analyze gpt2 --machine ${args.machine}`))
  }
}
