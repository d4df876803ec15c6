/** The shape shared by operators that resize an image. */
import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

export type ResizeDims = {
  readonly batch: number
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly outHeight: number
  readonly outWidth: number
}

interface ResizeParts<K extends string>
  extends Pick<OpDef<K, ResizeDims>, 'kind' | 'title' | 'where' | 'source' | 'examples'> {
  /** FLOPs per output element */
  flops: number
  /** FLOPs of the gradient per output element */
  gradientFlops: number
  /** the value at fractional coordinates of one plane */
  sample(at: (row: number, col: number) => number, row: number, col: number): number
}

/** Output coordinate → input coordinate with half-pixel centres: (i + ½)·size/out − ½. */
const toInput = (i: number, size: number, out: number) => ((i + 0.5) * size) / out - 0.5

/** Defines a resize from how it samples a plane. */
export function resize<K extends string>(parts: ResizeParts<K>): OpDef<K, ResizeDims> {
  return {
    kind: parts.kind,
    title: parts.title,
    trait: 'window',
    formula: parts.flops === 0 ? '0' : `${parts.flops}·batch·channels·outHeight·outWidth`,
    ...(parts.where === undefined ? {} : {where: parts.where}),
    source: parts.source,
    cost(d) {
      const elements = d.batch * d.channels * d.outHeight * d.outWidth
      return {
        macs: 0,
        flops: parts.flops * elements,
        matrix: 0,
        vector: parts.flops * elements,
        special: 0,
        reads: [input('x', d.batch * d.channels * d.height * d.width)],
        writes: [output('y', elements)],
      }
    },
    reference(d, [x]) {
      const clamp = (i: number, size: number) => Math.min(size - 1, Math.max(0, i))
      const y: number[] = []
      for (let plane = 0; plane < d.batch * d.channels; plane++) {
        const at = (row: number, col: number) =>
          x![(plane * d.height + clamp(row, d.height)) * d.width + clamp(col, d.width)]!
        for (let r = 0; r < d.outHeight; r++) {
          for (let c = 0; c < d.outWidth; c++)
            y.push(parts.sample(at, toInput(r, d.height, d.outHeight), toInput(c, d.width, d.outWidth)))
        }
      }
      return [Float64Array.from(y)]
    },
    // each output adds to the elements that it was made of
    backward(d) {
      const outputs = d.batch * d.channels * d.outHeight * d.outWidth
      return {
        data: vectorPart(`${parts.gradientFlops}·batch·channels·outHeight·outWidth`, parts.gradientFlops * outputs, {
          reads: [gradientOf(0, outputs)],
          writes: [{at: 0, elements: d.batch * d.channels * d.height * d.width}],
        }),
        weights: null,
      }
    },
    examples: parts.examples,
  }
}
