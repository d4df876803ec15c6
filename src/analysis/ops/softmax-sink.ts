import {gradientOf, ofExtra, ofOutput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** `rows` rows in `heads` equal groups of `cols` scores, of which `kept` in all are not masked. */
export type SoftmaxSinkDims = {
  readonly rows: number
  readonly cols: number
  readonly kept: number
  readonly heads: number
}

export const softmaxSink: OpDef<'softmax-sink', SoftmaxSinkDims> = {
  kind: 'softmax-sink',
  title: 'softmax with one learned score per head that takes part in the sum and is then left out (an attention sink)',
  trait: 'rowwise',
  formula: '5·kept + 4·rows',
  where: 'kept = rows·cols without a mask; the sink of each row: max, subtract, exp, add',
  source: 'openai/gpt-oss, gpt_oss/torch/model.py, sdpa(); Xiao et al. 2023 (arXiv:2309.17453) §3.3',
  cost({rows, cols, kept, heads}) {
    const all = rows * cols
    return {
      macs: 0,
      flops: 5 * kept + 4 * rows,
      matrix: 0,
      vector: 5 * all + 4 * rows,
      special: kept + rows,
      reads: [input('x', all), weight('sinks', heads)],
      writes: [output('y', all)],
    }
  },
  // rows lie as [batch, heads, queries]: a batch of one here, the rows of a head in a row
  reference({rows, cols, heads}, [x, sinks]) {
    const y = new Float64Array(rows * cols)
    for (let r = 0; r < rows; r++) {
      const sink = sinks![Math.min(heads - 1, Math.floor((r * heads) / rows))]!
      let max = sink
      for (let c = 0; c < cols; c++) max = Math.max(max, x![r * cols + c]!)
      let sum = Math.exp(sink - max)
      for (let c = 0; c < cols; c++) sum += Math.exp(x![r * cols + c]! - max)
      for (let c = 0; c < cols; c++) y[r * cols + c] = Math.exp(x![r * cols + c]! - max) / sum
    }
    return [y]
  },
  // dx as softmax; a sink takes −p·Σ dy·y over its rows, p being its own share, which is kept: 2 per score, 2 per row
  backward({rows, cols, kept, heads}) {
    const all = rows * cols
    const data = vectorPart('4·kept', 4 * kept, {
      reads: [ofOutput(0, all), gradientOf(0, all)],
      writes: [{at: 0, elements: all}],
    })
    const weights = vectorPart('2·kept + 2·rows', 2 * kept + 2 * rows, {
      reads: [ofOutput(0, all), gradientOf(0, all), ofExtra(0, rows)],
      writes: [{at: 1, elements: heads}],
    })
    return {
      data: {...data, vector: 4 * all},
      weights: {...weights, vector: 2 * all + 2 * rows},
      extra: [{name: 'sink share', elements: rows, dtype: null}],
    }
  },
  examples: [
    {
      dims: {rows: 64, cols: 128, kept: 8192, heads: 64},
      flops: 41_216,
      bytes: 65_792,
      source: 'GPT-OSS, one token in a window of 128: 5·8,192 + 4·64; 4 B × (2·8,192 + 64)',
    },
  ],
}
