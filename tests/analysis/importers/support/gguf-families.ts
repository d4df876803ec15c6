/** GGUF headers of transformers as llama.cpp's converter writes them: keys and tensor names of each architecture. */
import type {Mamba2Spec} from '../../../../src/analysis/architectures/mamba2.ts'
import type {TransformerSpec} from '../../../../src/analysis/architectures/transformer.ts'
import {BOOL, type GgufEntry, type GgufTensorParts, STRING, U32} from './gguf.ts'

const F32 = 0
const BF16 = 30

const one = (name: string, ...shape: number[]): GgufTensorParts => {
  // norms, biases and routers are stored as f32
  const wide = shape.length === 1 || /gate_inp|ssm_conv1d/.test(name)
  return {name, shape, type: wide ? F32 : BF16, bytes: shape.reduce((a, b) => a * b, 1) * (wide ? 4 : 2)}
}

/** Whether layer `i` of the spec is dense in a model of mixtures. */
const denseLayers = (spec: TransformerSpec): number =>
  (spec.groups ?? []).filter(({dense}) => dense).reduce((n, {layers}) => n + layers, 0)

export interface WrittenFile {
  readonly entries: readonly GgufEntry[]
  readonly tensors: readonly GgufTensorParts[]
}

/** @param isDense layers without experts in a mixture, by number; absent: the first ones */
export function transformerFile(
  arch: string,
  spec: TransformerSpec,
  more: readonly GgufEntry[] = [],
  isDense: (layer: number) => boolean = (layer) => layer < denseLayers(spec),
): WrittenFile {
  const {layers, hidden, heads, kvHeads, headDim, ffn, vocab, mixture, latent} = spec
  const key = (name: string) => `${arch}.${name}`
  const entries: GgufEntry[] = [
    ['general.architecture', STRING, arch],
    [key('block_count'), U32, layers],
    [key('context_length'), U32, spec.positions],
    [key('embedding_length'), U32, hidden],
    [key('feed_forward_length'), U32, ffn],
    [key('attention.head_count'), U32, heads],
    [key('attention.head_count_kv'), U32, latent ? 1 : kvHeads],
  ]
  if (latent)
    entries.push(
      [key('attention.kv_lora_rank'), U32, latent.rank],
      [key('attention.key_length'), U32, latent.rank + latent.ropeDim],
      [key('attention.value_length'), U32, latent.rank],
      [key('attention.key_length_mla'), U32, latent.nopeDim + latent.ropeDim],
      [key('attention.value_length_mla'), U32, latent.valueDim],
      [key('rope.dimension_count'), U32, latent.ropeDim],
    )
  else
    entries.push(
      [key('attention.key_length'), U32, headDim],
      [key('rope.dimension_count'), U32, spec.rotary ?? headDim],
    )
  if (latent && latent.queryRank > 0) entries.push([key('attention.q_lora_rank'), U32, latent.queryRank])
  const window = spec.groups?.find((group) => group.window)?.window
  if (window) entries.push([key('attention.sliding_window'), U32, window])
  if (mixture) entries.push([key('expert_count'), U32, mixture.experts], [key('expert_used_count'), U32, mixture.topK])
  const tensors = [one('token_embd.weight', hidden, vocab), one('output_norm.weight', hidden)]
  if (!spec.tied) tensors.push(one('output.weight', hidden, vocab))
  for (let i = 0; i < layers; i++) {
    const add = (name: string, ...shape: number[]) => tensors.push(one(`blk.${i}.${name}`, ...shape))
    add('attn_norm.weight', hidden)
    if (latent) {
      const {queryRank, rank, nopeDim, ropeDim, valueDim} = latent
      if (queryRank > 0) {
        add('attn_q_a.weight', hidden, queryRank)
        add('attn_q_a_norm.weight', queryRank)
        add('attn_q_b.weight', queryRank, heads * (nopeDim + ropeDim))
      } else add('attn_q.weight', hidden, heads * (nopeDim + ropeDim))
      add('attn_kv_a_mqa.weight', hidden, rank + ropeDim)
      add('attn_kv_a_norm.weight', rank)
      add('attn_k_b.weight', nopeDim, rank, heads)
      add('attn_v_b.weight', rank, valueDim, heads)
      add('attn_output.weight', heads * valueDim, hidden)
    } else {
      const widths = {q: heads * headDim, k: kvHeads * headDim, v: kvHeads * headDim}
      if (arch === 'phi3') add('attn_qkv.weight', hidden, (heads + 2 * kvHeads) * headDim)
      else
        for (const [name, width] of Object.entries(widths)) {
          add(`attn_${name}.weight`, hidden, width)
          if (spec.bias.qkv) add(`attn_${name}.bias`, width)
        }
      add('attn_output.weight', heads * headDim, hidden)
      if (spec.bias.out) add('attn_output.bias', hidden)
      if (spec.qkNorm === 'rmsnorm') for (const name of ['q', 'k']) add(`attn_${name}_norm.weight`, headDim)
      if (spec.sinks) add('attn_sinks.weight', heads)
    }
    if (spec.normPlacement === 'both') {
      add('post_attention_norm.weight', hidden)
      add('post_ffw_norm.weight', hidden)
    }
    add(arch === 'gpt-oss' ? 'post_attention_norm.weight' : 'ffn_norm.weight', hidden)
    if (!mixture || isDense(i)) {
      if (arch === 'phi3') add('ffn_up.weight', hidden, 2 * ffn)
      else for (const name of ['gate', 'up']) add(`ffn_${name}.weight`, hidden, ffn)
      add('ffn_down.weight', ffn, hidden)
      continue
    }
    const {experts, ffn: inner, sharedFfn} = mixture
    add('ffn_gate_inp.weight', hidden, experts)
    if (mixture.routerBias) add('ffn_gate_inp.bias', experts)
    if (mixture.selectionBias) add('exp_probs_b.bias', experts)
    for (const name of ['gate', 'up', 'down']) {
      const [k, n] = name === 'down' ? [inner, hidden] : [hidden, inner]
      add(`ffn_${name}_exps.weight`, k, n, experts)
      if (mixture.expertBias) add(`ffn_${name}_exps.bias`, n, experts)
    }
    if (mixture.sharedGate) add('ffn_gate_inp_shexp.weight', hidden)
    if (sharedFfn > 0)
      for (const name of ['gate', 'up', 'down'])
        add(`ffn_${name}_shexp.weight`, ...(name === 'down' ? [sharedFfn, hidden] : [hidden, sharedFfn]))
  }
  return {entries: [...entries, ...more], tensors}
}

export function mamba2File(spec: Mamba2Spec): WrittenFile {
  const {layers, hidden, heads, headDim, state, groups, taps, vocab} = spec
  const inner = heads * headDim
  const channels = inner + 2 * groups * state
  const entries: GgufEntry[] = [
    ['general.architecture', STRING, 'mamba2'],
    ['mamba2.block_count', U32, layers],
    ['mamba2.embedding_length', U32, hidden],
    ['mamba2.ssm.conv_kernel', U32, taps],
    ['mamba2.ssm.inner_size', U32, inner],
    ['mamba2.ssm.state_size', U32, state],
    ['mamba2.ssm.time_step_rank', U32, heads],
    ['mamba2.ssm.group_count', U32, groups],
  ]
  const tensors = [one('token_embd.weight', hidden, vocab), one('output_norm.weight', hidden)]
  if (!spec.tied) tensors.push(one('output.weight', hidden, vocab))
  for (let i = 0; i < layers; i++)
    tensors.push(
      one(`blk.${i}.attn_norm.weight`, hidden),
      one(`blk.${i}.ssm_in.weight`, hidden, 2 * inner + 2 * groups * state + heads),
      one(`blk.${i}.ssm_conv1d.weight`, taps, channels),
      one(`blk.${i}.ssm_conv1d.bias`, channels),
      one(`blk.${i}.ssm_dt.bias`, heads),
      one(`blk.${i}.ssm_a`, 1, heads),
      one(`blk.${i}.ssm_d`, 1, heads),
      one(`blk.${i}.ssm_norm.weight`, inner / groups, groups),
      one(`blk.${i}.ssm_out.weight`, inner, hidden),
    )
  return {entries, tensors}
}

export const gating = (arch: string, sigmoid: boolean, normalized: boolean): GgufEntry[] => [
  [`${arch}.expert_gating_func`, U32, sigmoid ? 2 : 1],
  [`${arch}.expert_weights_norm`, BOOL, normalized],
]
