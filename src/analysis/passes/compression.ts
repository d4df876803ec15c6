/** What is asked of compression: text of the flags → rules, and the order in which the passes run. */
import type {ComputeDType} from '../dtype.ts'
import {AnalysisError, quoted} from '../errors.ts'
import {isKeep, type KeepRule} from './places.ts'

/** How many values share a scale: a whole tensor, an output channel (a token, of activations), or a run of `group` values. */
export type Granularity = 'tensor' | 'channel' | 'group'

export interface QuantizeRule {
  /**
   * start of the operator ids it applies to, `*` for any part of them, layers by number (`layers.0`, `layers.1-30.mlp`);
   * `null`: all products but the LM head
   */
  readonly where: string | null
  readonly what: 'weights' | 'activations' | 'kv'
  readonly dtype: Extract<ComputeDType, 'int8' | 'int4' | 'fp8'>
  readonly granularity: Granularity
  /** values per scale where `granularity` is `group`, else 0 */
  readonly group: number
  readonly zeroPoints: boolean
}

export interface PruneRule {
  readonly where: string | null
  /** single weights, two of every four, whole output channels, or attention heads */
  readonly what: 'weights' | '2:4' | 'channels' | 'heads'
  /** share that is removed */
  readonly share: number
}

export interface LowRankRule {
  readonly where: string | null
  readonly rank: number
}

export const convolutions = ['direct', 'im2col', 'winograd'] as const
export type Convolution = (typeof convolutions)[number]

export interface Compression {
  readonly quantize: readonly (QuantizeRule | KeepRule)[]
  readonly prune: readonly (PruneRule | KeepRule)[]
  readonly lowRank: readonly (LowRankRule | KeepRule)[]
  /** weights are widened inside the product that reads them, or by an operator of their own */
  readonly dequantize: 'fused' | 'separate'
  /** algorithm of the convolutions that it applies to: no compression, but a rewrite of the same kind */
  readonly convolution: Convolution
}

/** What a caller gives: texts as on the command line. */
export interface CompressionOptions {
  quantize?: string | undefined
  prune?: string | undefined
  lowRank?: string | undefined
  dequantize?: string | undefined
  convAlgorithm?: string | undefined
}

const refuse = (flag: string, text: string, example: string): never => {
  throw new AnalysisError('bad-flag', `${flag} ${quoted(text)} is not understood`, [`write ${flag} ${example}`])
}

/** Parts between commas, each with its place before `=`. */
const partsOf = (text: string): {where: string | null; rule: string}[] =>
  text.split(',').map((part) => {
    const cut = part.lastIndexOf('=')
    return {where: cut < 0 ? null : part.slice(0, cut).trim(), rule: part.slice(cut + 1).trim()}
  })

const types = {'8': 'int8', '4': 'int4', f8: 'fp8'} as const
const roles = {w: 'weights', a: 'activations', kv: 'kv'} as const

const keeps = (where: string | null, rule: string): where is string => rule === 'none' && where !== null

/**
 * `w4g128`, `w8c,a8`, `kv8`, `layers.mlp=w4g128z,layers.attn=w8c`: what (w, a, kv), bits (8, 4, f8), scales (one per
 * tensor, `c` per channel, `gN` per N values), `z` with zero points (of weights and cache).
 * @throws AnalysisError `bad-flag`
 */
export function parseQuantize(text: string): (QuantizeRule | KeepRule)[] {
  const example = 'w4g128, w8c,a8 or layers.mlp=w4g128,layers.0=none,kv8'
  return partsOf(text).map(({where, rule}) => {
    if (keeps(where, rule)) return {where, what: 'none'}
    const match = /^(w|a|kv)(8|4|f8)(c|g(\d{1,6}))?(z)?$/.exec(rule)
    if (!match) return refuse('--quantize', text, example)
    const [, role, bits, shared, size, zero] = match
    if (role === 'a' && zero !== undefined)
      throw new AnalysisError('bad-flag', `--quantize ${quoted(text)}: zero points of activations are not modelled`, [
        `write ${quoted(rule.slice(0, -1))}; weights (w) and the KV cache (kv) may have zero points`,
      ])
    const group = size === undefined ? 0 : Number(size)
    if (size !== undefined && group < 1) return refuse('--quantize', text, example)
    return {
      where,
      what: roles[role as keyof typeof roles],
      dtype: types[bits as keyof typeof types],
      granularity: shared === undefined ? 'tensor' : shared === 'c' ? 'channel' : 'group',
      group,
      zeroPoints: zero !== undefined,
    }
  })
}

/**
 * `2:4`, `weights:0.5` (single weights, half of them), `channels:0.25` (a quarter of the inner channels), `heads:0.5` (half of
 * the attention heads), each with a place; `layers.0=none` leaves what it names as it is.
 * @throws AnalysisError `bad-flag`
 */
export function parsePrune(text: string): (PruneRule | KeepRule)[] {
  const example = '2:4, weights:0.5, heads:0.5 or layers.mlp=channels:0.25'
  return partsOf(text).map(({where, rule}) => {
    if (keeps(where, rule)) return {where, what: 'none'}
    if (rule === '2:4') return {where, what: '2:4', share: 0.5}
    const match = /^(weights|channels|heads):(0?\.\d{1,9})$/.exec(rule)
    const share = Number(match?.[2])
    if (!match || !(share > 0)) return refuse('--prune', text, example)
    return {where, what: match[1] as 'weights' | 'channels' | 'heads', share}
  })
}

/**
 * `256`, or `layers.mlp=256,layers.attn=64,layers.0=none`.
 * @throws AnalysisError `bad-flag`
 */
export function parseLowRank(text: string): (LowRankRule | KeepRule)[] {
  return partsOf(text).map(({where, rule}) => {
    if (keeps(where, rule)) return {where, what: 'none'}
    const rank = /^\d{1,6}$/.test(rule) ? Number(rule) : 0
    if (rank < 1) return refuse('--low-rank', text, '256 or layers.mlp=256')
    return {where, rank}
  })
}

/**
 * The rules of a workload; `null` where nothing is asked.
 * @throws AnalysisError `bad-flag`
 */
export function resolveCompression(options: CompressionOptions): Compression | null {
  const {quantize, prune, lowRank, dequantize = 'fused', convAlgorithm = 'direct'} = options
  const convolution = convolutions.find((name) => name === convAlgorithm)
  if (!convolution)
    throw new AnalysisError('bad-flag', `--conv-algorithm ${quoted(convAlgorithm)} is not known`, [
      `use one of ${convolutions.join(', ')}`,
    ])
  if (dequantize !== 'fused' && dequantize !== 'separate')
    throw new AnalysisError('bad-flag', `--dequantize ${quoted(dequantize)} is not known`, ['use fused or separate'])
  const plain = quantize === undefined && prune === undefined && lowRank === undefined
  if (plain && (convolution === 'direct' || options.dequantize !== undefined)) {
    if (options.dequantize === undefined) return null
    throw new AnalysisError('bad-flag', '--dequantize says how quantized weights are read: nothing is quantized', [
      'add --quantize w4g128',
    ])
  }
  return {
    quantize: quantize === undefined ? [] : parseQuantize(quantize),
    prune: prune === undefined ? [] : parsePrune(prune),
    lowRank: lowRank === undefined ? [] : parseLowRank(lowRank),
    dequantize,
    convolution,
  }
}

const keyOf = <K extends string>(table: Readonly<Record<K, string>>, value: string): K =>
  (Object.keys(table) as K[]).find((key) => table[key] === value)!

/** The options that give this compression again. */
export function compressionOptions(compression: Compression | undefined): CompressionOptions {
  if (!compression) return {}
  const {quantize, prune, lowRank, dequantize, convolution} = compression
  const placed = (where: string | null, rule: string) => (where === null ? rule : `${where}=${rule}`)
  const rulesOf = <R extends {readonly where: string | null}>(
    rules: readonly (R | KeepRule)[],
    write: (rule: R) => string,
  ) => text(rules.map((rule) => placed(rule.where, isKeep(rule) ? 'none' : write(rule))))
  const text = (rules: readonly string[]) => (rules.length > 0 ? rules.join(',') : undefined)
  return {
    quantize: rulesOf(quantize, ({what, dtype, granularity, group, zeroPoints}) => {
      const scales = {tensor: '', channel: 'c', group: `g${group}`}[granularity]
      return `${keyOf(roles, what)}${keyOf(types, dtype)}${scales}${zeroPoints ? 'z' : ''}`
    }),
    prune: rulesOf(prune, ({what, share}) => (what === '2:4' ? what : `${what}:${share}`)),
    lowRank: rulesOf(lowRank, ({rank}) => `${rank}`),
    dequantize: quantize.length + prune.length + lowRank.length > 0 ? dequantize : undefined,
    convAlgorithm: convolution === 'direct' ? undefined : convolution,
  }
}

/** Rules of pruning that change shapes, and those that leave holes: one of each may apply to an operator. */
export function prunes({prune}: Compression) {
  const of = (...kinds: readonly PruneRule['what'][]): readonly (PruneRule | KeepRule)[] => {
    const own = (rule: PruneRule | KeepRule) => !isKeep(rule) && kinds.includes(rule.what)
    return prune.some(own) ? prune.filter((rule) => isKeep(rule) || own(rule)) : []
  }
  return {channels: of('channels'), heads: of('heads'), weights: of('weights', '2:4')}
}

/** Rules of quantization for one of weights, activations and cache. */
export const quantizes = ({quantize}: Compression, what: QuantizeRule['what']): readonly (QuantizeRule | KeepRule)[] =>
  quantize.filter((rule) => isKeep(rule) || rule.what === what)

/** Every place that some rule names. */
export const placesOf = ({quantize, prune, lowRank}: Compression): string[] =>
  [...quantize, ...prune, ...lowRank].flatMap(({where}) => (where === null ? [] : [where]))
