/** Which operators the backward pass computes again. */
import type {Node, Tensor} from '../graph.ts'
import {blockOf, isLayer} from '../layers.ts'
import type {Recompute} from './options.ts'
import {reversible} from './residual.ts'

/** Positions `from` to `to` (inclusive) in the forward graph that are computed again as one. */
export interface Segment {
  readonly from: number
  readonly to: number
  /** of a reversible segment: its residual blocks, each up to its sum */
  readonly blocks?: readonly {readonly from: number; readonly to: number}[]
  /** of a reversible segment: its input, then the result of each block */
  readonly streams?: readonly Tensor[]
}

const scores = new Set(['attention-scores', 'cross-scores'])
const values = new Set(['attention-values', 'cross-values'])

/** From scores to values, of self and cross attention alike. */
function attentionCores(nodes: readonly Node[]): Segment[] {
  const segments: Segment[] = []
  let from = -1
  nodes.forEach((node, i) => {
    if (scores.has(node.kind)) from = i
    if (values.has(node.kind) && from >= 0) {
      segments.push({from, to: i})
      from = -1
    }
  })
  return segments
}

/** Products and convolutions among some operators. */
const productsIn = (nodes: readonly Node[]): number => nodes.filter(({trait}) => trait === 'contraction').length

/**
 * Runs of operators of one layer or block, repeated or not. One that stands alone with a single product (a transition, a
 * patch merging) is none: the input that has to be kept is most of what it keeps.
 */
function blocks(nodes: readonly Node[]): Segment[] {
  const segments: Segment[] = []
  const key = (node: Node) => `${blockOf(node)} ${node.repeat}`
  for (let from = 0; from < nodes.length; ) {
    const node = nodes[from]!
    let to = from
    while (to + 1 < nodes.length && key(nodes[to + 1]!) === key(node)) to++
    if (blockOf(node) !== null && (node.repeat > 1 || productsIn(nodes.slice(from, to + 1)) > 1))
      segments.push({from, to})
    from = to + 1
  }
  return segments
}

/** Runs of operators of one repeated layer: same repeat, same first part of the path. */
export function layers(nodes: readonly Node[]): Segment[] {
  const segments: Segment[] = []
  const key = (node: Node) => `${node.id.split('.')[0]} ${node.repeat}`
  for (let from = 0; from < nodes.length; ) {
    let to = from
    while (to + 1 < nodes.length && key(nodes[to + 1]!) === key(nodes[from]!)) to++
    if (nodes[from]!.repeat > 1) segments.push({from, to})
    from = to + 1
  }
  return segments
}

/**
 * Segments by level (Chen et al. 2016, arXiv:1604.06174: checkpoints at layers; Korthikanti et al. 2022,
 * arXiv:2205.05198 §5: the attention core alone). Fused attention already computes its scores again: no segment. Layers of
 * several kinds, and the blocks of image models, are a segment each.
 * @param after operators at the start that are left alone: a teacher's
 */
export function segmentsOf(all: readonly Node[], recompute: Recompute, after = 0): Segment[] {
  if (recompute === 'none') return []
  const nodes = all.slice(after)
  const segments =
    recompute === 'selective'
      ? attentionCores(nodes)
      : recompute === 'full'
        ? blocks(nodes)
        : reversible(
            nodes,
            blocks(nodes).filter(({from}) => isLayer(nodes[from]!)),
          )
  const later = ({from, to}: {from: number; to: number}) => ({from: from + after, to: to + after})
  return segments.map(({blocks, ...rest}) => ({
    ...rest,
    ...later(rest),
    ...(blocks ? {blocks: blocks.map(later)} : {}),
  }))
}
