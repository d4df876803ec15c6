/** Every operator of ONNX that is known, by name; those of other domains with the domain in front. */
import type {Handlers} from '../call.ts'
import {attentions} from './attention.ts'
import {bits} from './bits.ts'
import {control} from './control.ts'
import {mixtures} from './experts.ts'
import {losses} from './losses.ts'
import {math} from './math.ts'
import {moves} from './moves.ts'
import {norms} from './norms.ts'
import {products} from './products.ts'
import {quantized} from './quantized.ts'
import {recurrents} from './recurrent.ts'
import {selections} from './selection.ts'
import {sequences} from './sequences.ts'
import {shapes} from './shapes.ts'
import {signals} from './signal.ts'
import {windows} from './windows.ts'

export const handlers: Handlers = {
  ...shapes,
  ...moves,
  ...math,
  ...norms,
  ...windows,
  ...products,
  ...attentions,
  ...recurrents,
  ...quantized,
  ...bits,
  ...mixtures,
  ...selections,
  ...sequences,
  ...losses,
  ...signals,
  ...control,
}
