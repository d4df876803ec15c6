import type {Doctor as DoctorResult} from '../analysis/document/doctor.ts'
import {BaseCommand} from './shared/base.ts'
import {checkUp} from './shared/checks.ts'

export default class Doctor extends BaseCommand {
  static override summary = 'What works here, what does not, and the one thing to do about it'
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json']

  async run(): Promise<void> {
    await this.read(Doctor)
    const {gpuCheck} = await import('./shared/gpu.ts')
    const result: DoctorResult = {checks: [...checkUp(), await gpuCheck()]}
    await this.answer({
      schema: 'doctor@1',
      result,
      text: async (look) => (await import('../../reports/text/doctor.ts')).doctorText(result, look),
      sheets: async () => (await import('../../reports/text/doctor.ts')).doctorSheets(result),
    })
  }
}
