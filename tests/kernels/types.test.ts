/** A kernel's integers are integers in its operator's definition too: `perf explain` and every prediction count them from there. */
import {expect, test} from 'vitest'
import {ownType} from '../../src/analysis/ops/types.ts'
import {type KernelDef, kernels, type PairDef, pairs} from '../../src/kernels/registry.ts'

const kernelDefs: readonly KernelDef[] = Object.values(kernels)
const pairDefs: readonly PairDef[] = Object.values(pairs)
const parts = [
  ...kernelDefs.flatMap(({program, check}) => program(check).parts),
  ...pairDefs.flatMap(({unfused, fused, check}) => [...unfused(check).parts, ...fused(check).parts]),
]

// in a fused one they may be weights of a product, which have any type
const single = parts.filter(({kernel}) => !kernel.includes('+'))

test('a tensor that a kernel of floats takes as integers has a type of its own in the definition', () => {
  const wrong = single.flatMap(({kernel, types = {}, in: reads, out: writes, cost, computes}) =>
    [
      ...reads.map((name, i) => [name, cost.reads[i]!] as const),
      ...writes.map((name, i) => [name, cost.writes[i]!] as const),
    ]
      .filter(([name, use]) => /^[iu]/.test(types[name] ?? 'f32') && ownType(use) === null && computes !== 'int8')
      .map(([name]) => `${kernel}: ${name}`),
  )
  expect([...new Set(wrong)]).toEqual([])
})
