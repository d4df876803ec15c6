/** Operator ids of one layer, made once per group: the engine builds thousands of graphs a second. */

export interface LayerIds {
  /** `layers.` or `layers.NAME.` */
  readonly prefix: string
  readonly attnNorm: string
  readonly qkv: string
  readonly rope: string
  readonly kvWrite: string
  readonly scores: string
  readonly softmax: string
  readonly values: string
  readonly out: string
  readonly attnResidual: string
  readonly mlpNorm: string
  readonly up: string
  readonly gate: string
  readonly act: string
  readonly down: string
  readonly mlpResidual: string
}

const tables = new Map<string, LayerIds>()

/** Ids of a group of layers; the only group of a model has no name. */
export function layerIds(group: string): LayerIds {
  const known = tables.get(group)
  if (known) return known
  const prefix = group === '' ? 'layers.' : `layers.${group}.`
  const ids: LayerIds = {
    prefix,
    attnNorm: `${prefix}attn.norm`,
    qkv: `${prefix}attn.qkv`,
    rope: `${prefix}attn.rope`,
    kvWrite: `${prefix}attn.kv-write`,
    scores: `${prefix}attn.scores`,
    softmax: `${prefix}attn.softmax`,
    values: `${prefix}attn.values`,
    out: `${prefix}attn.out`,
    attnResidual: `${prefix}attn.residual`,
    mlpNorm: `${prefix}mlp.norm`,
    up: `${prefix}mlp.up`,
    gate: `${prefix}mlp.gate`,
    act: `${prefix}mlp.act`,
    down: `${prefix}mlp.down`,
    mlpResidual: `${prefix}mlp.residual`,
  }
  tables.set(group, ids)
  return ids
}
