/** Metadata of one architecture: keys under its prefix, read one by one so that a mistake names its key and value. */
import {quoted} from '../../errors.ts'
import {badFile} from '../source.ts'
import type {GgufHeader} from './types.ts'

const show = (value: unknown): string =>
  value === undefined ? 'missing' : typeof value === 'object' ? 'not the same in every layer' : quoted(String(value))

export class Metadata {
  readonly header: GgufHeader
  readonly arch: string
  readonly origin: string

  constructor(header: GgufHeader, arch: string, origin: string) {
    this.header = header
    this.arch = arch
    this.origin = origin
  }

  fail(problem: string): never {
    badFile(this.origin, problem, 'give the model’s config.json')
  }

  /** A list that has one and the same number for every layer counts as that number. */
  private raw(key: string): unknown {
    const value = this.header.metadata.get(`${this.arch}.${key}`)
    return typeof value === 'object' && new Set(value.first).size === 1 ? value.first[0] : value
  }

  has(key: string): boolean {
    return this.header.metadata.has(`${this.arch}.${key}`)
  }

  /**
   * A whole number from `least`.
   * @throws AnalysisError `bad-file` where it is another value, or missing and there is no `standard`
   */
  number(key: string, standard?: number, least = 1): number {
    const value = this.raw(key)
    if (value === undefined && standard !== undefined) return standard
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > 1e9)
      this.fail(`${quoted(`${this.arch}.${key}`)} is ${show(value)}; a whole number from ${least} is needed`)
    return value
  }

  flag(key: string, standard: boolean): boolean {
    const value = this.raw(key)
    if (value === undefined) return standard
    if (typeof value !== 'boolean') this.fail(`${quoted(`${this.arch}.${key}`)} is ${show(value)}, not true or false`)
    return value
  }

  /** Numbers per layer, where the value is a list of that many. */
  perLayer(key: string, layers: number): readonly number[] | undefined {
    const value = this.header.metadata.get(`${this.arch}.${key}`)
    return typeof value === 'object' && value.first.length === layers ? value.first : undefined
  }
}
