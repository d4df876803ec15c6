import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** y[rows, width] = x · γ[width] */
export type LayerScaleDims = {readonly rows: number; readonly width: number}

export const layerScale: OpDef<'layer-scale', LayerScaleDims> = {
  kind: 'layer-scale',
  title: 'multiplies each channel by a learned number',
  trait: 'elementwise',
  formula: 'rows·width',
  source: 'Touvron et al. 2021, CaiT (arXiv:2103.17239) eq. 4; in ConvNeXt (arXiv:2201.03545)',
  cost({rows, width}) {
    const elements = rows * width
    return {
      macs: 0,
      flops: elements,
      matrix: 0,
      vector: elements,
      special: 0,
      reads: [input('x', elements), weight('gamma', width)],
      writes: [output('y', elements)],
    }
  },
  reference: ({width}, [x, gamma]) => [x!.map((value, i) => value * gamma![i % width]!)],
  backward({rows, width}) {
    const n = rows * width
    return {
      data: vectorPart('rows·width', n, {
        reads: [gradientOf(0, n), ofInput(1, width)],
        writes: [{at: 0, elements: n}],
      }),
      // dγ = Σ dy·x over the rows
      weights: vectorPart('2·rows·width', 2 * n, {
        reads: [ofInput(0, n), gradientOf(0, n)],
        writes: [{at: 1, elements: width}],
      }),
    }
  },
  examples: [
    {
      dims: {rows: 56 * 56, width: 96},
      flops: 301_056,
      bytes: 2_408_832,
      source: 'ConvNeXt-T, first block: 3,136·96; 4 B × (2·301,056 + 96)',
    },
  ],
}
