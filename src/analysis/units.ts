/**
 * Quantities and their text forms. The only module that knows 1e9 or 1024.
 *
 * Inside the program everything is in base units: FLOP, B, s, FLOP/s, OP/s, B/s, instr/s, Hz, W.
 * Bandwidth and rates are decimal (1 GB/s = 1e9 B/s); capacities may be binary (1 KiB = 1024 B).
 */
import {AnalysisError, quoted} from './errors.ts'

declare const unit: unique symbol

/** A number that carries its unit in the type: assigning `Flops` to `Bytes` does not compile. */
export type Quantity<U extends string> = number & {readonly [unit]?: U}
export type Flops = Quantity<'FLOP'>
export type Bytes = Quantity<'B'>
export type Seconds = Quantity<'s'>
export type FlopsPerSecond = Quantity<'FLOP/s'>
export type BytesPerSecond = Quantity<'B/s'>
export type FlopsPerByte = Quantity<'FLOP/B'>

const decimal: Record<string, number> = {'': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18}
const binary: Record<string, number> = {Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50}
const small: Record<string, number> = {m: 1e-3, u: 1e-6, µ: 1e-6, n: 1e-9, p: 1e-12}

// a prefix such as "constructor" must not reach the prototype
const own = (table: Record<string, number>, key: string) => (Object.hasOwn(table, key) ? table[key] : undefined)

/** Base units that values may be written in. */
export const baseUnits = ['FLOP', 'OP', 'B', 's', 'FLOP/s', 'OP/s', 'B/s', 'FLOP/B', 'Hz', 'W', 'instr/s'] as const
export type BaseUnit = (typeof baseUnits)[number]

/** What arithmetic of a type is counted in: of integers it is no floating-point operation. */
export const rateUnit = (dtype: string | undefined): 'OP/s' | 'FLOP/s' => (dtype?.startsWith('int') ? 'OP/s' : 'FLOP/s')

const aliases: Record<string, BaseUnit> = {
  FLOPS: 'FLOP/s',
  FLOPs: 'FLOP',
  OPS: 'OP/s',
  OPs: 'OP',
  'FLOPs/s': 'FLOP/s',
  'OPs/s': 'OP/s',
}

/**
 * Splits a unit such as `TB/s`, `GiB`, `TFLOP/s` or `us` into its scale and base unit.
 * @returns `undefined` where the text is not a known unit
 */
export function parseUnit(text: string): {scale: number; base: BaseUnit} | undefined {
  for (const base of [...Object.keys(aliases), ...baseUnits].sort((a, b) => b.length - a.length)) {
    if (!text.endsWith(base)) continue
    const prefix = text.slice(0, text.length - base.length)
    const canonical = aliases[base] ?? (base as BaseUnit)
    const scale = own(decimal, prefix) ?? (canonical === 'B' || canonical === 'B/s' ? own(binary, prefix) : undefined)
    if (scale !== undefined) return {scale, base: canonical}
    const fraction = canonical === 's' ? own(small, prefix) : undefined
    if (fraction !== undefined) return {scale: fraction, base: 's'}
  }
  return undefined
}

/** Where the usual magnitude is another than tera. */
const examples: Partial<Record<BaseUnit, string>> = {s: '12.5 us', W: '700 W'}

/**
 * Parses `"3.35 TB/s"` into base units.
 * @throws AnalysisError `bad-quantity` naming the value and an example of what is allowed
 */
export function parseQuantity(text: string, expected: BaseUnit): number {
  const match = /^\s*([+-]?\d+(?:[_,]\d{3})*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(\S+)\s*$/.exec(text)
  const parsed = match ? parseUnit(match[2]!) : undefined
  const value = match && parsed ? scaled(match[1]!.replace(/[_,]/g, ''), parsed.scale) : Number.NaN
  // 1e400 is no f64 number: infinite rates must not enter
  if (parsed?.base !== expected || !Number.isFinite(value)) {
    throw new AnalysisError('bad-quantity', `${quoted(text)} is not a quantity in ${expected}`, [
      `write a number and a unit, for example "${examples[expected] ?? `3.35 T${expected}`}"`,
    ])
  }
  return value
}

/** `number × scale` without the rounding of a float product: 3.35 × 1e12 is exactly 3.35e12. */
function scaled(digits: string, scale: number): number {
  const exponent = Math.log10(scale)
  if (!Number.isInteger(exponent)) return Number(digits) * scale
  const [mantissa, power = '0'] = digits.toLowerCase().split('e')
  return Number(`${mantissa}e${Number(power) + exponent}`)
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const
const smallPrefixes = ['', 'm', 'µ', 'n', 'p'] as const

/**
 * Formats a quantity with a decimal prefix and about `digits` significant digits: `3.35 TB/s`, `12.4 µs`, `0 B`.
 * `null` is printed as `–`.
 */
export function format(value: number | null | undefined, base: BaseUnit | '', digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (value === 0) return `0 ${base}`.trimEnd()
  // intensities are read against each other and against a ridge: no prefix
  if (base === 'FLOP/B' && Math.abs(value) >= 1000) return `${formatCount(value)} ${base}`
  const magnitude = Math.abs(value)
  let step = Math.floor(Math.log10(magnitude) / 3)
  const table = base === 's' && step < 0 ? smallPrefixes : prefixes
  const limit = table.length - 1
  let index = Math.min(limit, table === smallPrefixes ? -step : Math.max(0, base === 's' ? 0 : step))
  const scaledBy = (i: number) => (table === smallPrefixes ? magnitude * 10 ** (3 * i) : magnitude / 10 ** (3 * i))
  // 999.96 rounds to 1000: take the next prefix instead
  if (Number(scaledBy(index).toPrecision(digits)) >= 1000 && base !== 's') index = Math.min(limit, index + 1)
  else if (Number(scaledBy(index).toPrecision(digits)) >= 1000 && table === smallPrefixes)
    index = Math.max(0, index - 1)
  step = index
  const shown = scaledBy(step)
  const text = shown >= 1000 ? Math.round(shown).toString() : Number(shown.toPrecision(digits)).toString()
  return `${value < 0 ? '-' : ''}${text} ${table[step]}${base}`.trimEnd()
}

/** Formats a capacity in binary units: `35.8 MiB`. */
export function formatCapacity(bytes: number | null): string {
  if (bytes === null) return '–'
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let index = 0
  let value = bytes
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024
    index++
  }
  return `${Number(value.toPrecision(value >= 1000 ? 4 : 3))} ${names[index]}`
}

/** Formats an exact count with thousands separators: `8,030,261,248`; above 2^53, where it is rounded, 15 digits and the word: `about 18,014,398,509,482,000`. */
export function formatCount(value: number): string {
  const whole = Math.round(value)
  // not toLocaleString: its first call loads ICU data, 10 ms of a start-up of 80
  const grouped = (digits: string) => digits.replace(/\B(?=(\d{3})+$)/g, ',')
  if (Number.isSafeInteger(whole)) return grouped(whole.toString())
  const [digits, exponent] = whole.toExponential(14).split('e+') as [string, string]
  return `about ${grouped(digits.replace('.', '').padEnd(Number(exponent) + 1 + (whole < 0 ? 1 : 0), '0'))}`
}

/** A number as a message echoes it: digits that a double does not hold are not made up. `1024`, `about 1.15e+18`. */
export const echoed = (value: number): string =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
    ? `about ${value.toPrecision(3)}`
    : String(value)

/** Formats a share: `12.3 %`. What is there but rounds to nothing is `< 0.01 %`. */
export function formatShare(value: number | null): string {
  if (value === null) return '–'
  if (value > 0 && value < 0.00005) return '< 0.01 %'
  return `${(value * 100).toFixed(value < 0.0995 ? 2 : 1)} %`
}
