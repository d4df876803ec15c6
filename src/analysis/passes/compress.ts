/** The passes that compress, in order: what changes shapes first, then what stays of the weights, then their bits. */
import type {DType} from '../dtype.ts'
import type {Graph} from '../graph.ts'
import {type Compression, placesOf, prunes} from './compression.ts'
import {fuseAttention} from './fuse-attention.ts'
import {algorithms, applyFusion, type Fusion, fusions} from './index.ts'
import {lowRank} from './low-rank.ts'
import {pruneChannels} from './prune-channels.ts'
import {pruneHeads} from './prune-heads.ts'
import {pruneWeights} from './prune-weights.ts'
import {quantize} from './quantize.ts'
import {splitLayers} from './split-layers.ts'

/**
 * Passes that give products of other shapes or algorithms: they come before anything else, training included.
 * @param training whether the weights change from step to step
 */
export function reshape(graph: Graph, compression: Compression, training: boolean): Graph {
  const {channels, heads} = prunes(compression)
  const {lowRank: ranks, convolution} = compression
  let result = splitLayers(graph, placesOf(compression))
  if (heads.length > 0) result = pruneHeads(result, heads)
  if (channels.length > 0) result = pruneChannels(result, channels)
  if (ranks.length > 0) result = lowRank(result, ranks)
  if (convolution !== 'direct') result = algorithms[convolution].apply(result, training)
  return result
}

/**
 * The compressed graph at a fusion level. Attention is fused before its cache is quantized, chains after everything.
 * @param weights type of the weights that are not quantized
 */
export function compress(graph: Graph, compression: Compression, fusion: Fusion, weights: DType): Graph {
  let result = reshape(graph, compression, false)
  if ((fusions[fusion] as readonly string[]).includes(fuseAttention.id)) result = fuseAttention.apply(result)
  const holes = prunes(compression).weights
  if (holes.length > 0) result = pruneWeights(result, holes, weights)
  result = quantize(result, compression)
  if (fusion === 'attention') return result
  return applyFusion(result, fusion)
}
