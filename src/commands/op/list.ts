import {listOperators} from '../../analysis/catalog.ts'
import {BaseCommand} from '../shared/base.ts'
import {listAnswer} from '../shared/list.ts'

export default class OpList extends BaseCommand {
  static override summary = 'List the operators that are known by name'
  static override examples = ['<%= config.bin %> op list', '<%= config.bin %> op list --json']

  async run(): Promise<void> {
    await this.read(OpList)
    await this.answer(listAnswer(listOperators(), 'Operators', 'perf explain ID'))
  }
}
