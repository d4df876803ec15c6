/** Optimizer steps, in place, and Adam in one pass against five. */
import {adam} from '../../analysis/ops/adam.ts'
import {momentum} from '../../analysis/ops/momentum.ts'
import {pointwise} from '../../analysis/ops/pointwise.ts'
import {input} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {flatCases, type KernelDef, type Names, one, operator, type PairDef, streaming} from './types.ts'

const adamPart = (elements: number): Part => ({
  ...operator(adam, 'adam', {elements, copy: false}, [elements], ['w', 'g', 'm', 'v'], ['w', 'm', 'v']),
  specials: {divide: elements, sqrt: elements},
})

const momentumPart = (elements: number): Part =>
  operator(momentum, 'momentum', {elements, copy: false}, [elements], ['w', 'g', 'v'], ['w', 'v'])

/** One of the elementwise passes that a framework without a fused optimizer makes: `operations` per element. */
function pass(
  elements: number,
  kernel: string,
  inputs: Names,
  y: string,
  operations: number,
  specials: Part['specials'],
  apply: (...x: number[]) => number,
): Part {
  const cost = pointwise.cost({elements, read: elements, operations, special: 0, linear: false})
  return {
    kernel,
    dims: [elements],
    in: inputs,
    out: [y],
    cost: {...cost, reads: inputs.map((name) => input(name, elements))},
    ...(specials ? {specials} : {}),
    reference: (x) => [x[0]!.map((_, i) => apply(...x.map((values) => values[i]!)))],
  }
}

/** The constants of the operator `adam`, at its first step. */
const [RATE, BETA1, BETA2, EPSILON] = [0.001, 0.9, 0.999, 1e-8]

/** Both moments, the root of the second, the step, the weights: the 14 FLOPs of the operator, one pass after the other. */
function adamPrograms([elements]: readonly number[]): {unfused: Program; fused: Program} {
  const n = elements!
  const root = {divide: n, sqrt: n}
  const parts = [
    pass(n, 'adam-first', ['m', 'g'], 'm', 3, undefined, (m, g) => BETA1 * m! + (1 - BETA1) * g!),
    pass(n, 'adam-second', ['v', 'g'], 'v', 4, undefined, (v, g) => BETA2 * v! + (1 - BETA2) * g! * g!),
    streaming(
      pass(n, 'adam-root', ['v'], 'root', 3, {sqrt: n}, (v) => Math.sqrt(Math.max(v! / (1 - BETA2), 0)) + EPSILON),
    ),
    streaming(pass(n, 'adam-step', ['m', 'root'], 'step', 2, {divide: n}, (m, r) => m! / (1 - BETA1) / r!)),
    pass(n, 'adam-descend', ['w', 'step'], 'w', 2, undefined, (w, step) => w! - RATE * step!),
  ]
  return {
    unfused: {id: parts.map(({kernel}) => kernel).join(', '), parts},
    fused: one('adam', {...adamPart(n), specials: root}),
  }
}

const flat = {dims: ['elements'], check: [1003], cases: flatCases} as const

export const kernels = {
  adam: {
    ...flat,
    id: 'adam',
    op: 'adam',
    title: "Adam's step in place",
    sizes: {cache: [32_768], dram: [16_777_216]},
    grows: ['elements'],
    program: ([n]) => one('adam', adamPart(n!)),
  },
  momentum: {
    ...flat,
    id: 'momentum',
    op: 'momentum',
    title: 'SGD with momentum, in place',
    sizes: {cache: [49_152], dram: [16_777_216]},
    grows: ['elements'],
    program: ([n]) => one('momentum', momentumPart(n!)),
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  adam: {
    ...kernels.adam,
    // the tensors of the chain are two more than the step's own
    sizes: {cache: [24_576], dram: [16_777_216]},
    unfused: (d) => adamPrograms(d).unfused,
    fused: (d) => adamPrograms(d).fused,
  },
} as const satisfies Record<string, PairDef>
