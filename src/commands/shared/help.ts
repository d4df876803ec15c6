/** Help with examples first: what people copy comes before what they look up. */
import {CommandHelp, Help} from '@oclif/core/help'
import {speaksUnicode, toAscii} from '../../../reports/text/ascii.ts'

class ExamplesFirst extends CommandHelp {
  protected override sections() {
    const all = super.sections()
    const isExamples = (header: string) => header.toLowerCase() === 'examples'
    return [...all.filter((s) => isExamples(s.header)), ...all.filter((s) => !isExamples(s.header))]
  }
}

export class PerfHelp extends Help {
  protected override CommandHelpClass = ExamplesFirst

  protected override log(...lines: string[]): void {
    const text = lines.join(' ')
    process.stdout.write(`${speaksUnicode(process.env) ? text : toAscii(text)}\n`)
  }
}
