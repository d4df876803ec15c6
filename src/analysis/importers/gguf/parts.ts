/** Which tensors of the file are which weights of the graph. Names: gguf-py/gguf/constants.py of llama.cpp. */
import type {StoredPart} from '../../architectures/stored.ts'
import {quoted, type Warning} from '../../errors.ts'
import type {Graph} from '../../graph.ts'
import {badFile} from '../source.ts'
import type {GroupOfLayers, Tensors} from './spec.ts'
import type {GgufTensor} from './types.ts'

/** Names of the tensors that together are one weight; `half` of a tensor that holds two. */
interface Source {
  readonly names: readonly string[]
  readonly half?: boolean
}

const of = (...names: string[]): Source => ({names})
const halfOf = (name: string): Source => ({names: [name], half: true})

/** A feed-forward weight: dense, of all experts in one tensor, with a bias where there is one. */
const feedForward = (name: string): Record<string, Source[]> => ({
  [`mlp.${name}.weight`]: [of(`ffn_${name}.weight`), of(`ffn_${name}_exps.weight`)],
  [`mlp.${name}.bias`]: [of(`ffn_${name}.bias`), of(`ffn_${name}_exps.bias`)],
  [`mlp.shared.${name}.weight`]: [of(`ffn_${name}_shexp.weight`)],
})
const [up, gate] = [feedForward('up'), feedForward('gate')]

/** Weights of a layer of the graph, each with the ways in which files store it, the first that is there counts. */
const layerParts: Readonly<Record<string, readonly Source[]>> = {
  'attn.norm.gamma': [of('attn_norm.weight')],
  'attn.qkv.weight': [of('attn_q.weight', 'attn_k.weight', 'attn_v.weight'), of('attn_qkv.weight')],
  'attn.qkv.bias': [of('attn_q.bias', 'attn_k.bias', 'attn_v.bias'), of('attn_qkv.bias')],
  'attn.q-norm.gamma': [of('attn_q_norm.weight'), of('attn_q_a_norm.weight')],
  'attn.k-norm.gamma': [of('attn_k_norm.weight')],
  'attn.out.weight': [of('attn_output.weight')],
  'attn.out.bias': [of('attn_output.bias')],
  'attn.softmax.sinks': [of('attn_sinks.weight')],
  'attn.post-norm.gamma': [of('post_attention_norm.weight')],
  'attn.q.weight': [of('attn_q.weight')],
  'attn.q-down.weight': [of('attn_q_a.weight')],
  'attn.q-up.weight': [of('attn_q_b.weight')],
  'attn.kv-down.weight': [of('attn_kv_a_mqa.weight')],
  'attn.kv-norm.gamma': [of('attn_kv_a_norm.weight')],
  'attn.kv-up.weight': [of('attn_kv_b.weight'), of('attn_k_b.weight', 'attn_v_b.weight')],
  // GPT-OSS has its second norm under the name of a norm behind the first block
  'mlp.norm.gamma': [of('ffn_norm.weight'), of('post_attention_norm.weight')],
  ...up,
  ...gate,
  ...feedForward('down'),
  // Phi-3 has gate and up in one tensor
  'mlp.up.weight': [...up['mlp.up.weight']!, halfOf('ffn_up.weight'), halfOf('ffn_gate_up_exps.weight')],
  'mlp.gate.weight': [...gate['mlp.gate.weight']!, halfOf('ffn_up.weight'), halfOf('ffn_gate_up_exps.weight')],
  'mlp.post-norm.gamma': [of('post_ffw_norm.weight')],
  'mlp.router.weight': [of('ffn_gate_inp.weight')],
  'mlp.router.bias': [of('ffn_gate_inp.bias')],
  'mlp.topk.bias': [of('exp_probs_b.bias')],
  'mlp.shared.scale.weight': [of('ffn_gate_inp_shexp.weight')],
  // Mamba-2
  'norm.gamma': [of('attn_norm.weight')],
  'in.weight': [of('ssm_in.weight')],
  'conv.weight': [of('ssm_conv1d.weight')],
  'conv.bias': [of('ssm_conv1d.bias')],
  'scan.A': [of('ssm_a')],
  'scan.D': [of('ssm_d')],
  'scan.dt-bias': [of('ssm_dt.bias')],
  'gate.norm.gamma': [of('ssm_norm.weight')],
  'out.weight': [of('ssm_out.weight')],
}

const outerParts: Readonly<Record<string, Source>> = {
  'embed.table': of('token_embd.weight'),
  'norm.gamma': of('output_norm.weight'),
  'lm_head.weight': of('output.weight'),
}

/** Constants of rotary positions, which are no weights. */
const constants = /^(rope_freqs|rope_factors_long|rope_factors_short)\.weight$/

/** Weights that a file may store expert by expert, as those of Mixtral once did: `ffn_up.0.weight`, … */
function byExpert(tensors: Tensors, prefix: string, weight: string): readonly GgufTensor[] {
  const [, name] = /^mlp\.(up|gate|down)\.weight$/.exec(weight) ?? []
  const found: GgufTensor[] = []
  if (name === undefined) return found
  for (let i = 0; ; i++) {
    const tensor = tensors.get(`${prefix}ffn_${name}.${i}.weight`)
    if (!tensor) return found
    found.push(tensor)
  }
}

/** Tensors of one type as one part: reads of some experts are then a share of it. */
function partsOf(found: readonly GgufTensor[], share: number): StoredPart[] {
  const parts = new Map<string, StoredPart>()
  for (const {name, dtype, elements} of found) {
    const known = found.length > 3 ? parts.get(dtype) : undefined
    const part = {name: known?.name ?? name, dtype, elements: (known?.elements ?? 0) + elements * share}
    parts.set(found.length > 3 ? dtype : name, part)
  }
  return [...parts.values()]
}

/** The first way in which the file stores a weight; a tensor of twice its size may hold two. */
function sourceOf(sources: readonly Source[], tensors: Tensors, prefix: string, expected: number): Source | undefined {
  const there = sources.filter(({names}) => names.every((name) => tensors.has(prefix + name)))
  const half = there.find((one) => one.half && tensors.get(prefix + one.names[0]!)!.elements === 2 * expected)
  return half ?? there.find((one) => !one.half)
}

export interface FoundParts {
  readonly parts: Readonly<Record<string, readonly StoredPart[]>>
  readonly warnings: readonly Warning[]
}

/**
 * The tensors behind every weight of the graph; what is missing and what is left over is said.
 * @throws AnalysisError `bad-file` where their sizes are not the graph's: the file is another model
 */
export function findParts(
  graph: Graph,
  groups: readonly GroupOfLayers[],
  tensors: Tensors,
  origin: string,
): FoundParts {
  const parts: Record<string, readonly StoredPart[]> = {}
  const missing: string[] = []
  const used = new Set<string>()
  const firsts = new Map(groups.map(({group, first}) => [group.name, first]))
  for (const {name: weight, role, elements: expected} of graph.tensors) {
    if (role !== 'weight') continue
    const [, named, plain] = /^layers\.(?:(from-\d+)\.)?(.+)$/.exec(weight) ?? []
    const prefix = plain === undefined ? '' : `blk.${firsts.get(named ?? '') ?? 0}.`
    const outer = outerParts[weight]
    const sources = plain === undefined ? (outer ? [outer] : []) : (layerParts[plain] ?? [])
    const whole = sourceOf(sources, tensors, prefix, expected)
    const found = whole
      ? whole.names.map((name) => tensors.get(prefix + name)!)
      : byExpert(tensors, prefix, plain ?? '')
    if (found.length === 0) {
      missing.push(prefix + (sources[0]?.names[0] ?? weight))
      continue
    }
    for (const {name} of found) used.add(name.replace(/^blk\.\d+\./, ''))
    const share = whole?.half ? 1 / 2 : 1
    const elements = found.reduce((sum, tensor) => sum + tensor.elements * share, 0)
    if (elements !== expected)
      badFile(
        origin,
        `${quoted(found.map(({name}) => name).join(' + '))} has ${elements} elements; the sizes in the metadata need ${expected}`,
      )
    parts[weight] = partsOf(found, share)
  }
  const layers = groups.reduce((sum, {group}) => sum + group.layers, 0)
  return {parts, warnings: [...absent(missing, origin), ...leftOver(tensors, used, layers, origin)]}
}

function absent(missing: readonly string[], origin: string): Warning[] {
  if (missing.length === 0) return []
  const names = missing.slice(0, 3).map((name) => quoted(name))
  return [
    {
      code: 'missing-weights',
      message: `${origin}: ${missing.length} weights are not in this file (${names.join(', ')}): they count in the type of --weights-dtype`,
    },
  ]
}

/** Tensors that the file has and the model does not: they are said, with their bytes. */
function leftOver(tensors: Tensors, used: ReadonlySet<string>, layers: number, origin: string): Warning[] {
  if (used.size === 0) return []
  const rest = [...tensors.values()].filter(({name}) => {
    const [, layer, plain] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? []
    return !used.has(plain ?? name) ? !constants.test(name) : layer !== undefined && Number(layer) >= layers
  })
  if (rest.length === 0) return []
  const bytes = rest.reduce((sum, tensor) => sum + tensor.bytes, 0)
  return [
    {
      code: 'extra-weights',
      message: `${origin}: ${rest.length} tensors of ${bytes} bytes are no part of the model here, such as ${quoted(rest[0]!.name)}`,
    },
  ]
}
