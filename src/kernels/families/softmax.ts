/** Softmax kernels and pairs, and the cross-entropy that ends in one. */
import {crossEntropy} from '../../analysis/ops/cross-entropy.ts'
import {mul} from '../../analysis/ops/mul.ts'
import {softmax} from '../../analysis/ops/softmax.ts'
import {index, input, output} from '../../analysis/ops/types.ts'
import {multiplications} from '../functions.ts'
import type {Part, Program} from '../program.ts'
import {
  edges,
  evaluating,
  fusedCost,
  type KernelDef,
  one,
  operator,
  type PairDef,
  rowCases,
  rowShape,
  scattered,
  streaming,
} from './types.ts'

const scalePart = (rows: number, cols: number, headDim: number, x: string, y: string): Part =>
  streaming({
    kernel: 'scale-scores',
    dims: [rows, cols, headDim],
    in: [x],
    out: [y],
    cost: {...mul.cost({elements: rows * cols}), reads: [input('x', rows * cols)]},
    reference: ([a]) => [a!.map((v) => v / Math.sqrt(headDim))],
  })

/** A causal mask reads what it keeps. */
const maskPart = (rows: number, cols: number, kept: number, x: string, y: string): Part =>
  streaming(
    {
      kernel: 'mask',
      dims: [rows, cols],
      in: [x],
      out: [y],
      elements: {[x]: rows * cols},
      cost: {
        macs: 0,
        flops: 0,
        matrix: 0,
        vector: 0,
        special: 0,
        reads: [input('x', kept)],
        writes: [output('y', rows * cols)],
      },
      reference: ([a]) => [a!.map((v, i) => (i % cols <= Math.floor(i / cols) % cols ? v : Number.NEGATIVE_INFINITY))],
    },
    cols,
  )

/** A softmax of rows of which `kept` elements in all are not masked. */
export const softmaxPart = (rows: number, cols: number, kept: number, x: string, y: string): Part =>
  streaming(
    {
      ...evaluating('exp', operator(softmax, 'softmax', {rows, cols, kept}, [rows, cols], [x], [y])),
      multiplies: (multiplications['exp-near'] + 1) * kept,
    },
    cols,
  )

function scaleMaskSoftmax([heads, seq, headDim]: readonly number[]): {unfused: Program; fused: Program} {
  const rows = heads! * seq!
  const kept = (heads! * (seq! * (seq! + 1))) / 2
  const scale = scalePart(rows, seq!, headDim!, 'x', 'scaled')
  const mask = maskPart(rows, seq!, kept, 'scaled', 'masked')
  const normalize = softmaxPart(rows, seq!, kept, 'masked', 'y')
  const total = fusedCost([scale.cost, mask.cost, normalize.cost], [input('x', kept)], normalize.cost.writes)
  const fused: Part = {
    kernel: 'scale+mask+softmax',
    dims: [rows, seq!, headDim!],
    in: ['x'],
    out: ['y'],
    elements: {x: rows * seq!},
    zeros: true,
    // the fused kernel leaves out what the mask discards
    cost: {...total, flops: 6 * kept, vector: 6 * kept},
    // the scale is part of the power's constant, so that an element is multiplied once more, by 1 / sum
    multiplies: (multiplications['exp-near'] + 1) * kept,
    reference: (x) => normalize.reference(mask.reference(scale.reference(x))),
  }
  return {
    unfused: {id: 'scale, mask, softmax', parts: [scale, mask, normalize]},
    fused: one('scale+mask+softmax', streaming(evaluating('exp', fused), seq!)),
  }
}

/** Class numbers, spread over all classes. */
const targetsOf = (classes: number) => ({
  targets: (elements: number) => scattered(elements, classes),
})

function lossPrograms([rows, classes]: readonly number[]): {unfused: Program; fused: Program} {
  const more = {types: {targets: 'i32'}, values: targetsOf(classes!)} as const
  const dims = [rows!, classes!]
  const loss = operator(
    crossEntropy,
    'cross-entropy',
    {rows: rows!, classes: classes!},
    dims,
    ['x', 'targets'],
    ['loss'],
    more,
  )
  const probabilities = softmaxPart(rows!, classes!, rows! * classes!, 'x', 'p')
  const logarithm: Part = {
    kernel: 'negative-log',
    dims,
    in: ['p', 'targets'],
    out: ['loss'],
    ...more,
    // reads the probability of the target alone
    elements: {p: rows! * classes!},
    cost: {
      macs: 0,
      flops: rows!,
      matrix: 0,
      vector: rows!,
      special: rows!,
      reads: [input('p', rows!), index('targets', rows!)],
      writes: loss.cost.writes,
    },
    reference: ([p, targets]) => [
      Float64Array.from({length: rows!}, (_, r) => -Math.log(p![r * classes! + targets![r]!]!)),
    ],
  }
  return {
    unfused: {id: 'softmax, negative-log', parts: [probabilities, logarithm]},
    // a row's logarithm takes what an exponential takes
    fused: one('cross-entropy', evaluating('exp', loss)),
  }
}

/** The fused loss keeps the log-sum-exp form, whose FLOPs are the operator's own, three more per row than its chain's. */
export const kernels = {
  softmax: {
    id: 'softmax',
    op: 'softmax',
    title: 'safe softmax of rows',
    ...rowShape,
    check: [5, 133],
    cases: rowCases,
    program: ([rows, cols]) => one('softmax', softmaxPart(rows!, cols!, rows! * cols!, 'x', 'y')),
  },
  'scale+mask+softmax': {
    id: 'scale+mask+softmax',
    op: 'mul+softmax',
    title: 'scale, causal mask and softmax in one pass',
    dims: ['heads', 'seq', 'headDim'],
    sizes: {cache: [2, 128, 64], dram: [12, 2048, 64]},
    grows: ['heads'],
    check: [3, 67, 20],
    cases: [[1, 1, 1], [2, 3, 4], ...edges.map((seq) => [2, seq, 64])],
    // heads change nothing: what fusing brings goes by the length of a row
    sweep: {dim: 'seq', from: 16},
    program: (dims) => scaleMaskSoftmax(dims).fused,
  },
  'cross-entropy': {
    id: 'cross-entropy',
    op: 'cross-entropy',
    title: 'cross-entropy of logits, the softmax not written',
    ...rowShape,
    dims: ['rows', 'classes'],
    check: [5, 133],
    cases: rowCases,
    program: (dims) => lossPrograms(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'scale+mask+softmax': {
    ...kernels['scale+mask+softmax'],
    unfused: (d) => scaleMaskSoftmax(d).unfused,
    fused: (d) => scaleMaskSoftmax(d).fused,
  },
  'cross-entropy': {
    ...kernels['cross-entropy'],
    unfused: (d) => lossPrograms(d).unfused,
    fused: (d) => lossPrograms(d).fused,
  },
} as const satisfies Record<string, PairDef>
