/** What an analysis or a sweep is of, in words. */
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {formatCount} from '../../src/analysis/units.ts'

export const plural = (n: number, word: string): string => `${formatCount(n)} ${word}${n === 1 ? '' : 's'}`

/** What one sample is: tokens, an image, a graph. */
function sampleText({workload, totals}: Analysis): string {
  const {seq, image, srcSeq, graph} = workload
  const source = srcSeq === null ? '' : ` with ${plural(srcSeq, 'source token')}`
  if (image) return `image of ${image.height}×${image.width}${source}`
  if (graph) return `graph of ${plural(graph.nodes, 'node')}, ${plural(graph.edges, 'edge')}`
  // what an imported graph takes as one sample is in its own input shapes
  if (totals.tokensPerSecond === null) return 'sample'
  return `${plural(seq, 'token')}${source}`
}

/** The type of all numbers where it is one, else each. */
export const typesText = ({weights, activations, kv}: Analysis['workload']['dtype']): string =>
  weights === activations && kv === weights ? weights : `weights ${weights}, activations ${activations}, KV ${kv}`

/** What the devices are, where there are several. */
export const devicesText = (count: number, tp: number): string[] =>
  count > 1 ? [`${count} devices, ${tp} to a replica`] : []

/** `prefill of 32 × 1,024 tokens`, with what is cached and what the devices are. */
export function workloadText(analysis: Analysis): string {
  const {phase, batch, context, dtype, fusion, count, tp, logits, image, graph} = analysis.workload
  const parts = [`${phase}: batch ${formatCount(batch)} × ${sampleText(analysis)}`]
  if (context > 0) parts.push(`after ${formatCount(context)} cached`)
  parts.push(typesText(dtype), `fusion ${fusion}`)
  if (logits === 'all' && !image && !graph) parts.push('logits of all tokens')
  parts.push(...devicesText(count, tp))
  return parts.join(', ')
}
