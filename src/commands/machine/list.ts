import {listMachines} from '../../analysis/catalog.ts'
import {loadProfile} from '../../kernels/profile.ts'
import {BaseCommand} from '../shared/base.ts'
import {listAnswer} from '../shared/list.ts'
import {addedMachines} from '../shared/machine.ts'

export default class MachineList extends BaseCommand {
  static override summary = 'List the machines: this one where it was measured, those added, and the datasheets'
  static override examples = ['<%= config.bin %> machine list', '<%= config.bin %> machine list --csv']

  async run(): Promise<void> {
    await this.read(MachineList)
    const {machine, warnings} = loadProfile()
    for (const warning of warnings) this.remark(warning)
    const own = [...(machine ? [machine] : []), ...addedMachines(this)]
    await this.answer(listAnswer(listMachines(own), 'Machines', 'perf machine show ID'))
  }
}
