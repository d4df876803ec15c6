/** How every list and every single entry is answered. */
import type {Printed} from '../../../reports/text/sheet.ts'
import type {List} from '../../analysis/document/list.ts'
import type {Answer} from './base.ts'

/** One table under one title. */
export function oneSheet(title: string, make: () => Promise<Printed>): Pick<Answer, 'text' | 'sheets'> {
  return {
    text: async (look) => (await import('../../../reports/text/terminal.ts')).toTerminal(await make(), look),
    sheets: async () => [[title, await make()]],
  }
}

export function listAnswer(list: List, title: string, next: string): Answer {
  return {
    schema: 'list@1',
    result: list,
    ...oneSheet(title, async () => (await import('../../../reports/text/sheets/lists.ts')).listSheet(list)),
    next,
  }
}
