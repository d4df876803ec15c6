/** Qwen 2 and 3: windows on the upper layers, norms on queries and keys. */
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import type {Warning} from '../../errors.ts'
import {type Config, flag, get, optionalSize} from './fields.ts'
import {llamaSpec, localGlobal, slidingLayers} from './shared.ts'

/** Qwen: full attention below `max_window_layers`, a window from there on, where the file switches it on. */
export const qwenWindows = (c: Config, layers: number, longest: number): readonly LayerGroup[] | undefined => {
  if (!flag(c, 'use_sliding_window', false)) return undefined
  const tokens = get(c, 'sliding_window') === undefined ? 4096 : optionalSize(c, ['sliding_window'])
  if (tokens === undefined || tokens >= longest) return undefined
  const from = optionalSize(c, ['max_window_layers']) ?? (get(c, 'max_window_layers') === 0 ? 0 : 28)
  return localGlobal(
    slidingLayers(c, layers, (i) => i >= from),
    tokens,
  )
}

/** Qwen3, dense part: `kvHeads` is the class's default. */
export function qwen3Spec(config: Config, warnings: Warning[], kvHeads = 32): TransformerSpec {
  const spec = llamaSpec(config, warnings, {
    kvHeads: () => kvHeads,
    positions: 32_768,
    bias: (c) => {
      const attention = flag(c, 'attention_bias', false)
      return {qkv: attention, out: attention, mlp: false}
    },
    groups: qwenWindows,
    headDim: 128,
  })
  return {...spec, qkNorm: 'rmsnorm'}
}
