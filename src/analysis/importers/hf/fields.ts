/** Reads the fields of a Hugging Face config one by one, so that a mistake names its field, value and what is allowed. */
import {AnalysisError} from '../../errors.ts'
import {MAX_SIZE} from '../../workload.ts'
import {show} from '../show.ts'

/** A config: where it came from and its own fields. Fields that no rule asks for are ignored, as the library does. */
export interface Config {
  readonly origin: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** @throws AnalysisError `bad-config` */
export function fail(config: Config, field: string, problem: string, suggestions: readonly string[] = []): never {
  throw new AnalysisError('bad-config', `${config.origin}: ${field}: ${problem}`, suggestions)
}

/** A field's own value: `undefined` where it is absent; what a prototype holds is not a field. */
export const get = (config: Config, field: string): unknown =>
  Object.hasOwn(config.fields, field) ? config.fields[field] : undefined

/** The whole number in the first of `names` that is present; `null` counts as absent. */
export function optionalSize(config: Config, names: readonly string[]): number | undefined {
  for (const field of names) {
    const value = get(config, field)
    if (value === undefined || value === null) continue
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_SIZE)
      fail(config, field, `${show(value)} is not a whole number from 1 to ${MAX_SIZE.toLocaleString('en-US')}`)
    return value
  }
  return undefined
}

/** @throws AnalysisError `bad-config` where none of `names` is there */
export function size(config: Config, names: readonly string[], example: number): number {
  return (
    optionalSize(config, names) ??
    fail(config, names[0]!, `missing; a ${String(get(config, 'model_type'))} config has it, for example ${example}`, [
      'give the config.json that lies beside the weights of the model',
    ])
  )
}

/** `true` or `false`; absent or `null` is the default. */
export function flag(config: Config, field: string, absent: boolean): boolean {
  const value = get(config, field)
  if (value === undefined || value === null) return absent
  if (typeof value !== 'boolean') fail(config, field, `${show(value)} is not true or false`)
  return value
}

/** A name out of a table; absent or `null` is the default. */
export function choice<T>(
  config: Config,
  fields: readonly string[],
  allowed: Readonly<Record<string, T>>,
  absent: T,
): T {
  for (const field of fields) {
    const value = get(config, field)
    if (value === undefined || value === null) continue
    if (typeof value !== 'string' || !Object.hasOwn(allowed, value))
      fail(config, field, `${show(value)} is not one of ${Object.keys(allowed).join(', ')}`)
    return allowed[value]!
  }
  return absent
}

/** The head size: stated, or the hidden size divided by the heads, which must then come out even. */
export function headSize(config: Config, hidden: number, heads: number, names: readonly [string, string]): number {
  const stated = optionalSize(config, ['head_dim'])
  if (stated !== undefined) return stated
  if (hidden % heads !== 0)
    fail(config, names[1], `${heads} heads do not divide ${names[0]} = ${hidden}`, [
      'state head_dim where the heads are not hidden ÷ heads wide',
    ])
  return hidden / heads
}
