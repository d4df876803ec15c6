/** The shape shared by pools: a window over each channel, without weights. */
import {type Backward, input, type OpDef, output} from './types.ts'
import {forEachTap, outputsRule, tapsRule, type WindowDims, windowCounts} from './window.ts'

export type PoolDims = WindowDims & {readonly batch: number; readonly channels: number}

interface PoolParts<K extends string>
  extends Pick<OpDef<K, PoolDims>, 'kind' | 'title' | 'formula' | 'source' | 'examples'> {
  /** FLOPs per output, of the number of taps */
  flops(taps: number): number
  start: number
  fold(sofar: number, x: number): number
  finish(folded: number, taps: number): number
  backward(inputs: number, outputs: number, taps: number): Backward
}

/** Defines a pool from how it folds the elements of a window. */
export function pool<K extends string>(parts: PoolParts<K>): OpDef<K, PoolDims> {
  return {
    kind: parts.kind,
    title: parts.title,
    trait: 'window',
    formula: parts.formula,
    where: `${outputsRule}; ${tapsRule}; taps on padding count`,
    derived(d) {
      const {outputs, taps} = windowCounts(d)
      return {outputs, taps}
    },
    source: parts.source,
    cost(d) {
      const {inputs, outputs, taps} = windowCounts(d)
      const planes = d.batch * d.channels
      const flops = planes * outputs * parts.flops(taps)
      return {
        macs: 0,
        flops,
        matrix: 0,
        vector: flops,
        special: 0,
        reads: [input('x', planes * inputs)],
        writes: [output('y', planes * outputs)],
      }
    },
    reference(d, [x]) {
      const {inputs, outputs, taps} = windowCounts(d)
      const y = new Float64Array(d.batch * d.channels * outputs).fill(parts.start)
      for (let plane = 0; plane < d.batch * d.channels; plane++) {
        forEachTap(d, (o, _, i) => {
          y[plane * outputs + o] = parts.fold(y[plane * outputs + o]!, x![plane * inputs + i]!)
        })
      }
      return [y.map((folded) => parts.finish(folded, taps))]
    },
    backward(d) {
      const {inputs, outputs, taps} = windowCounts(d)
      const planes = d.batch * d.channels
      return parts.backward(planes * inputs, planes * outputs, taps)
    },
    examples: parts.examples,
  }
}

/** The window of the first example of both pools: ResNet's 3×3 with stride 2 and padding 1 on 112×112. */
export const resnetWindow = {
  batch: 1,
  channels: 64,
  depth: 1,
  height: 112,
  width: 112,
  kernelDepth: 1,
  kernelHeight: 3,
  kernelWidth: 3,
  strideDepth: 1,
  strideHeight: 2,
  strideWidth: 2,
  dilationDepth: 1,
  dilationHeight: 1,
  dilationWidth: 1,
  padDepth: 0,
  padHeight: 2,
  padWidth: 2,
} as const satisfies PoolDims
