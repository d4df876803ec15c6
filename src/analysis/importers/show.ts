import {echoed} from '../units.ts'

/** A value of a foreign file as a message echoes it: on one line, at most 64 characters, nothing that a terminal obeys. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'number') return echoed(value)
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value)
  return (text.length > 64 ? `${text.slice(0, 63)}…` : text).replace(/[\u007f-\u009f]/g, '?')
}
