/** Vega-Lite → Vega. A warning is an error: a spec that Vega-Lite has doubts about draws something else than it says. */
import type {Spec} from 'vega'
import type {View} from './view.ts'

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
  return spec
}
