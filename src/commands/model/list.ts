import {listModels} from '../../analysis/catalog.ts'
import {BaseCommand} from '../shared/base.ts'
import {listAnswer} from '../shared/list.ts'

export default class ModelList extends BaseCommand {
  static override summary = 'List the models that are known by name'
  static override examples = ['<%= config.bin %> model list', '<%= config.bin %> model list --json']

  async run(): Promise<void> {
    await this.read(ModelList)
    await this.answer(listAnswer(listModels(), 'Models', 'perf analyze ID'))
  }
}
