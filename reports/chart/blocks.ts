/** What the views of blocks draw: a curve for each operator that is computed in blocks, the levels that feed it, the caches that hold it. */
import {
  attentionModel,
  type BlockModel,
  type ConvolutionShape,
  convolutionModel,
  productModel,
} from '../../src/analysis/block-models.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import {dtypeBits} from '../../src/analysis/dtype.ts'
import {blockedIntensity, blocksFor} from '../../src/analysis/tiles.ts'
import type {Operator} from '../document.ts'
import type {ViewMore} from '../view.ts'
import {roofOf} from './roofs.ts'

/** Edges that the charts show. */
export const EDGES = [4, 4096] as const

/** Powers of two, and the curve's points between them. */
export const edgeTicks = Array.from({length: 11}, (_, i) => EDGES[0] * 2 ** i)
const STEPS = 4

/** Bytes of one element of the operands: the wider of weights and activations. */
export function elementBytes({workload}: Analysis): number {
  const {weights, activations} = workload.dtype
  return Math.max(...[weights, activations].map((type) => dtypeBits[type as keyof typeof dtypeBits])) / 8
}

export interface Curve {
  readonly model: BlockModel
  /** the model's title, and whether the workload has such an operator */
  readonly name: string
}

/** Where a workload has no such operator: a product of 2048, ResNet-50's 3 × 3 convolution of its third stage, a prompt of one head. */
const standard = {
  product: {m: 2048, n: 2048, k: 2048},
  convolution: {channels: 256, filters: 256, height: 14, width: 14, taps: [3, 3], stride: 1},
  attention: {seq: 2048, headDim: 128},
} as const

const whole = (op: Operator, name: string): number | undefined => {
  const value = op.shape[name]
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}

type Sizes<K extends string> = Record<K, number>

/** The named sizes of an operator, where it has them all. */
function sizes<K extends string>(op: Operator, names: readonly K[]): Sizes<K> | undefined {
  const found = names.map((name) => [name, whole(op, name)] as const)
  return found.every(([, value]) => value !== undefined) ? (Object.fromEntries(found) as Sizes<K>) : undefined
}

const productOf = (op: Operator) => sizes(op, ['m', 'n', 'k'])

function convolutionOf(op: Operator): ConvolutionShape | undefined {
  const names = ['channels', 'filters', 'groups', 'height', 'width', 'kernelHeight', 'kernelWidth'] as const
  const found = sizes(op, names)
  if (found?.groups !== 1) return undefined
  const {channels, filters, height, width, kernelHeight, kernelWidth} = found
  const stride = whole(op, 'strideHeight') ?? 1
  const down = whole(op, 'strideWidth') ?? 1
  return {
    ...{channels, filters, stride, taps: [kernelHeight, kernelWidth]},
    ...{height: Math.ceil(height / stride), width: Math.ceil(width / down)},
  }
}

function attentionOf(op: Operator): {seq: number; headDim: number} | undefined {
  const found = sizes(op, ['seq', 'headDim'])
  // a step reads a cache that other steps wrote: its queries are too few to be blocked
  return found && found.seq > 1 ? found : undefined
}

/** The operator of the largest share from which a shape can be read. */
function largest<S>(analysis: Analysis, read: (op: Operator) => S | undefined): S | undefined {
  const found = analysis.operators.flatMap((op) => {
    const shape = op.macs > 0 ? read(op) : undefined
    return shape === undefined ? [] : [{shape, share: op.share}]
  })
  return found.sort((a, b) => b.share - a.share)[0]?.shape
}

/** A product, a convolution and attention: the workload's largest, or a usual one where it has none. */
export function curvesOf(analysis: Analysis): Curve[] {
  const bytes = elementBytes(analysis)
  const curve = <S>(own: S | undefined, other: S, make: (shape: S, bytes: number) => BlockModel): Curve => {
    const model = make(own ?? other, bytes)
    const short = model.title
      .replaceAll(' × ', '×')
      .replace('matrix ', '')
      .replace(/ to (\d+) channels/, '→$1')
    return {model, name: own ? short : `${short} (usual)`}
  }
  return [
    curve(largest(analysis, productOf), standard.product, productModel),
    curve<ConvolutionShape>(largest(analysis, convolutionOf), standard.convolution, convolutionModel),
    curve(largest(analysis, attentionOf), standard.attention, attentionModel),
  ]
}

/** Points along a curve, as far as a block can grow. */
export function pointsAlong({largest: most, intensity}: BlockModel): {edge: number; intensity: number}[] {
  const [least, end] = [EDGES[0], Math.min(EDGES[1], most)]
  const count = Math.max(1, Math.round(STEPS * Math.log2(Math.max(2, end / least))))
  const edges = Array.from({length: count + 1}, (_, i) => least * (Math.max(end, least) / least) ** (i / count))
  return edges.map((edge) => ({edge, intensity: intensity(edge)}))
}

export interface Cache {
  readonly level: string
  readonly bytes: number
}

/** Caches of the machine, innermost first: as a sweep found them, else as the machine claims them. */
export function cachesOf(more: ViewMore | undefined): Cache[] {
  return (more?.machine?.identity.caches ?? []).flatMap(({level, claimed, found}) => {
    const bytes = found ?? claimed
    return bytes ? [{level, bytes}] : []
  })
}

/** A product that was measured in blocks of one size. */
export interface BlockRun {
  /** of a square block; of any other the square root of the block of a */
  readonly edge: number
  /** all three blocks have this edge */
  readonly square: boolean
  /** the blocking that the library chooses, not a square */
  readonly chosen: boolean
  readonly blocks: string
  readonly flopsPerSecond: number
  /** FLOP/s that the roof allows to the whole product */
  readonly peak: number
  readonly threads: number
  readonly size: number
  readonly verdict: string
}

const ofBlocks = ['m', 'n', 'k', 'mc', 'nc', 'kc'] as const

/** The members that some key has in common, as they come. */
function groups<T>(all: readonly T[], key: (one: T) => string): T[][] {
  const found = new Map<string, T[]>()
  for (const one of all) found.set(key(one), [...(found.get(key(one)) ?? []), one])
  return [...found.values()]
}

/**
 * Runs of `perf bench gemm-blocked --sweep`: one product in blocks of many sizes. Where a document holds several (of one thread and of
 * two, say), the one with the most sizes; of a size that ran more than once, the fastest.
 */
export function blockRuns(more: ViewMore | undefined): BlockRun[] {
  const each = groups(measuredBlocks(more), ({size, threads}) => `${size} ${threads}`).map((runs) =>
    groups(runs, ({blocks}) => blocks).map((same) =>
      same.reduce((a, b) => (b.flopsPerSecond > a.flopsPerSecond ? b : a)),
    ),
  )
  return each.reduce((most, runs) => (runs.length > most.length ? runs : most), [])
}

/** The blocks that the library's blocked product takes on any machine: native/kernels/gemm.h. */
const own = blocksFor(2 ** 20, 2 ** 23, 4)

function measuredBlocks(more: ViewMore | undefined): BlockRun[] {
  return [...(more?.blocks ?? []), ...(more?.runs ?? [])].flatMap((run: BenchKernel) => {
    const [m, n, k, mc, nc, kc] = ofBlocks.map((name) => run.dims[name])
    if (run.id !== 'gemm-blocked' || !m || m !== n || m !== k || !mc || !nc || !kc || !run.attainable) return []
    if (!(run.flopsPerSecond > 0) || run.verdict === 'wrong' || run.verdict === 'implausible') return []
    const square = mc === kc && nc === kc
    const chosen = mc === own.mc && nc === own.nc && kc === own.kc
    return [
      {
        edge: square ? kc : Math.sqrt(mc * kc),
        square,
        chosen,
        blocks: square ? `${kc}` : `${mc} × ${nc} × ${kc}`,
        flopsPerSecond: run.flopsPerSecond,
        peak: run.attainable,
        threads: run.threads,
        size: m,
        verdict: run.verdict,
      },
    ]
  })
}

/** Three blocks have to be in a cache together. */
const BLOCKS = 3

/**
 * FLOP/s that the level behind the cache of a block allows to a product in square blocks: its bandwidth times the intensity of the block,
 * at most the peak.
 */
export function allowed(
  analysis: Analysis,
  caches: readonly Cache[],
  {peak, threads, size}: Pick<BlockRun, 'peak' | 'threads' | 'size'>,
  edge: number,
): {rate: number; level: string} {
  const bytes = 4
  const inside = caches.findIndex((cache) => BLOCKS * bytes * edge ** 2 <= cache.bytes)
  const names = [...caches.map(({level}) => level), 'DRAM']
  const outer = names[inside < 0 ? names.length - 1 : inside + 1]!
  const found = analysis.machine.ceilings
    .filter((c) => c.kind === 'bandwidth' && c.level === outer && c.threads === threads && c.mix === 'read')
    .map((c) => c.value)
  const rate = found[0] ?? roofOf(analysis.machine).levels.find(({level}) => level === outer)?.rate
  const intensity = blockedIntensity(size, size, size, {mc: edge, nc: edge, kc: edge}, bytes)
  return {rate: rate === undefined ? peak : Math.min(peak, rate * intensity), level: outer}
}
