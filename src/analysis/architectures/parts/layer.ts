/** What the parts of a transformer layer share: the graph under construction, its sizes, and its two commonest operators. */
import type {GraphBuilder, Tensor} from '../../graph.ts'
import type {LayerIds} from './ids.ts'

/** Adds y = x·W (+ b); `y` may be several tensors that the columns are split into. */
export type Project = (
  id: string,
  x: Tensor,
  m: number,
  n: number,
  k: number,
  bias: boolean,
  y: readonly Tensor[],
  repeat: number,
) => void

/** Adds the model's norm over `count` rows of `width`. */
export type Normalize = (id: string, x: Tensor, y: Tensor, count: number, repeat: number, width?: number) => void

export interface LayerContext {
  readonly b: GraphBuilder
  readonly ids: LayerIds
  /** layers of this kind */
  readonly layers: number
  readonly batch: number
  readonly seq: number
  readonly context: number
  readonly tp: number
  readonly hidden: number
  readonly project: Project
  readonly norm: Normalize
}
