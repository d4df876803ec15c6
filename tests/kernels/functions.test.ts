import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {multiplications, type VectorFunction} from '../../src/kernels/functions.ts'
import {programTime, roofFor} from '../../src/kernels/place.ts'
import {type KernelDef, kernelIds, kernels} from '../../src/kernels/registry.ts'
import {bandwidth, compute, machineOf} from './made-up.ts'

// tables first: they are of the widest instruction set
const vec = ['lookup.h', 'vec.h']
  .map((file) => readFileSync(join(import.meta.dirname, '../../native/kernels', file), 'utf8'))
  .join('\n')

/** The body of a function of lookup.h or vec.h, without comments: the first of that name, as the widest instruction set has it. */
function bodyOf(name: string): string {
  const head = new RegExp(`\\b${name}\\(.*\\) \\{\\n`).exec(vec)
  if (!head) throw new Error(`there is no ${name}`)
  const from = head.index + head[0].length
  const body = vec.slice(from, vec.indexOf('\n}', from)).replaceAll(/\/\/.*/g, '')
  return body.replaceAll(/^#else$[^#]*^#endif$/gm, '')
}

/** Products in the statements that run for every vector, and those of the functions that it calls. */
function productsOf(name: string): number {
  return bodyOf(name)
    .split('\n')
    .reduce((sum, line) => {
      const called = /^\s*(exp2All|exp2Polynomial|expAll|erfAll|tanhAll|geluByTable|cubicAll|cubicOf)\b/.exec(line)?.[1]
      const own = line.includes('RP_STEP') ? (line.match(/ \* /g) ?? []).length : 0
      return sum + own + (called ? productsOf(called) : 0)
    }, 0)
}

const named: Record<VectorFunction, string> = {
  exp: 'expAll',
  'exp-near': 'expNearAll',
  exp2: 'exp2All',
  erf: 'erfAll',
  tanh: 'tanhAll',
  silu: 'siluAll',
  gelu: 'geluAll',
  'gelu-tanh': 'geluTanhAll',
}

describe('multiplications of the vector functions', () => {
  test.each(Object.entries(named))('%s: as many as the source has', (name, source) => {
    expect(productsOf(source)).toBe(multiplications[name as VectorFunction])
  })
  test('GELU beside other work takes as many as alone', () => {
    expect(productsOf('geluBesideAll')).toBe(multiplications.gelu)
  })
})

const machine = machineOf(
  compute('fma', 1e11, 1),
  compute('exp', 1e12, 1),
  compute('erf', 1e12, 1),
  bandwidth('read', 'DRAM', 1e13, 1),
)

describe('multiply-adds of an operator and of its functions', () => {
  test('take turns at one unit: the roof is their sum, and says so', () => {
    const [m, n, k] = [64, 32, 16]
    const program = kernels['gemm+bias+gelu'].program([m, n, k])
    const {seconds, bound} = programTime(program, roofFor(machine, [program], 1)!)
    // 2 FLOP to a multiply-add: 5e10 multiplications a second
    expect(seconds).toBeCloseTo((m * n * (k + multiplications.gelu)) / 5e10, 15)
    expect(bound).toBe('fma-f32-t1+functions')
  })

  test('never loosen a roof', () => {
    for (const id of kernelIds) {
      const def: KernelDef = kernels[id]
      const program = def.program(def.sizes.cache)
      const without = {...program, parts: program.parts.map(({multiplies: _, ...part}) => part)}
      const [now, before] = [program, without].map(
        (p) => roofFor(machine, [p], 1) && programTime(p, roofFor(machine, [p], 1)!),
      )
      if (now && before) expect(now.seconds, id).toBeGreaterThanOrEqual(before.seconds)
    }
  })
})
