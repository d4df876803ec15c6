/** Vega-Lite → Vega. A warning is an error: a spec that Vega-Lite has doubts about draws something else than it says. */
import type {Mark, Spec} from 'vega'
import type {View} from './view.ts'

const words: Readonly<Record<string, string>> = {
  symbol: 'points',
  rule: 'lines',
  rect: 'bars',
  text: 'labels',
  line: 'line',
}

/** Screen readers announce every group of marks: one without a name says nothing. */
function nameMarks(marks: readonly Mark[], title: string): void {
  for (const mark of marks) {
    if (mark.type === 'group') nameMarks(mark.marks ?? [], title)
    else if (mark.aria !== false) mark.description ??= `${title}: ${words[mark.type] ?? mark.type}`
  }
}

/** What Vega-Lite puts before a position in case its value is no number, where a spec says `invalid: 'show'`. */
const invalidTest = /^!isValid\(datum\["\w+"\]\) \|\| !isFinite\(\+datum\["\w+"\]\)$/

/** Rows of such a spec hold finite numbers: a test for each of 1,000 dots and two axes is work for nothing. */
function trustNumbers(marks: readonly Mark[]): void {
  for (const mark of marks) {
    if (mark.type === 'group') trustNumbers(mark.marks ?? [])
    for (const set of Object.values(mark.encode ?? {}) as Record<string, unknown>[]) {
      for (const [channel, rules] of Object.entries(set)) {
        if (Array.isArray(rules)) set[channel] = rules.filter(({test}) => !invalidTest.test(test ?? ''))
      }
    }
  }
}

/**
 * Compiles a view.
 * @throws Error naming the view and every warning
 */
export async function compileView(view: View): Promise<Spec> {
  const {compile} = await import('vega-lite')
  const warnings: string[] = []
  const say = (...args: readonly unknown[]) => {
    warnings.push(args.map(String).join(' '))
    return logger
  }
  const quiet = () => logger
  const logger = {level: quiet, error: say, warn: say, info: quiet, debug: quiet} as unknown as NonNullable<
    NonNullable<Parameters<typeof compile>[1]>['logger']
  >
  const {spec} = compile(view.spec, {logger})
  if (warnings.length > 0) throw new Error(`view ${view.id}: ${warnings.join('; ')}`)
  trustNumbers(spec.marks ?? [])
  nameMarks(spec.marks ?? [], view.title)
  return spec
}
