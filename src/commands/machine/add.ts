import {join} from 'node:path'
import * as Args from '@oclif/core/args'
import {AnalysisError} from '../../analysis/errors.ts'
import {machineJson, parseMachine} from '../../analysis/importers/machine-file.ts'
import {machines} from '../../analysis/machines/index.ts'
import {systemReason} from '../../analysis/system-reason.ts'
import {makeFolder} from '../../kernels/whole-file.ts'
import {BaseCommand} from '../shared/base.ts'
import {addedFolder} from '../shared/machine.ts'
import {readInput} from '../shared/model.ts'
import {writeWhole} from '../shared/output.ts'
import {machineAnswer} from '../shared/show.ts'

/** Ids that always mean this computer. */
const reserved = ['local', 'local-gpu']

export default class MachineAdd extends BaseCommand {
  static override summary = 'Check a machine file and keep it under its id'
  static override examples = [
    '<%= config.bin %> machine add my-gpu.json',
    '<%= config.bin %> analyze gpt2 --machine my-gpu',
  ]
  static override args = {
    file: Args.string({ignoreStdin: true, required: true, description: 'machine file, or - for standard input'}),
  }

  async run(): Promise<void> {
    const {args} = await this.read(MachineAdd)
    const machine = parseMachine(
      await readInput(args.file, 'a machine file'),
      args.file === '-' ? 'standard input' : args.file,
    )
    if (reserved.includes(machine.id) || Object.hasOwn(machines, machine.id))
      throw new AnalysisError(
        'bad-machine',
        `${args.file}: id "${machine.id}" is taken by a machine that comes with the tool`,
        [`choose another id, for example "my-${machine.id}"`],
      )
    const folder = addedFolder()
    try {
      await makeFolder(folder)
    } catch (error) {
      throw new AnalysisError('cannot-write', `${folder} cannot be made: ${systemReason(error)}`, [
        'XDG_CONFIG_HOME chooses another place',
      ])
    }
    const path = join(folder, `${machine.id}.json`)
    await writeWhole('the machine', path, `${JSON.stringify(machineJson(machine), null, 2)}\n`)
    this.say(`kept as ${path}`)
    await this.answer(machineAnswer(machineJson(machine), `perf analyze gpt2 --machine ${machine.id}`))
  }
}
