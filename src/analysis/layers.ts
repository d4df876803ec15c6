/** Layers and blocks of a graph, known by the ids of their operators. */
import type {Node} from './graph.ts'

/** Parts of a path that stand inside a transformer's layer: what is before them names the layer. */
const sublayers = new Set(['attn', 'cross', 'mlp'])

/**
 * The layer or block of an operator, from its id; `null` outside any: `layers`, `layers.local`, `decoder.layers`, `layer1.0`,
 * `stage3.1-2`, `denseblock1.denselayer2`, `fire2`.
 */
export function blockOf({id, repeat}: Pick<Node, 'id' | 'repeat'>): string | null {
  const parts = id.split('.')
  const first = parts[0]!
  if (parts.length > 2 && /^(\d+(-\d+)?|[a-z]*layer\d+)$/.test(parts[1]!)) return `${first}.${parts[1]}`
  const inner = parts.findIndex((part, i) => i > 0 && sublayers.has(part))
  if (inner > 0) return parts.slice(0, inner).join('.')
  return repeat > 1 || (parts.length > 1 && /\d$/.test(first)) ? first : null
}

/** Whether a block is a repeated one, or a transformer's layer that stands alone (the dense one of DeepSeek-V2). */
export const isLayer = ({id, repeat}: Pick<Node, 'id' | 'repeat'>): boolean =>
  repeat > 1 || id.split('.').some((part, i) => i > 0 && sublayers.has(part))
