import {describe, expect, it} from 'vitest'
import {attainableOf} from '../../reports/document.ts'
import {analyze, machines} from '../../src/index.ts'

describe('attainable rates', () => {
  it.each(Object.keys(machines))('stay under the ceiling that binds on %s', (machine) => {
    const {result} = analyze('llama-3-8b', {machine})
    for (const op of result.operators) {
      const ceiling = result.machine.ceilings.find((c) => c.id === op.bound)
      const rate = attainableOf(op, result.machine.ceilings)
      if (rate === null) expect(op.flops).toBe(0)
      else if (ceiling?.kind === 'compute') expect(rate).toBeLessThanOrEqual(ceiling.value)
      else expect(rate).toBeCloseTo(op.intensity! * ceiling!.value, -3)
    }
  })
})
