/** How one machine is answered. */
import type {Machine} from '../../analysis/document/machine.ts'
import type {Answer} from './base.ts'

export function machineAnswer(machine: Machine, next: string): Answer {
  const sheet = async () => {
    const [{ceilingSheet}, {print}] = await Promise.all([
      import('../../../reports/text/sheets/ceilings.ts'),
      import('../../../reports/text/sheet.ts'),
    ])
    return print(ceilingSheet(machine.ceilings))
  }
  return {
    schema: 'machine@1',
    result: machine,
    text: async (look) => (await import('../../../reports/text/machine.ts')).machineText(machine, look),
    sheets: async () => [['Ceilings', await sheet()]],
    next,
  }
}
