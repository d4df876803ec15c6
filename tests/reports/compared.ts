/** Measured documents that differ by known factors, for the tests of comparisons. */
import type {PlacementDocument} from '../../reports/placement.ts'
import type {MachineDocument} from '../../reports/profile.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import type {PlacedPoint} from '../../src/analysis/document/placement.ts'
import {cpu} from './support.ts'

/** The test CPU with some ceilings changed by factors. */
export const profile = (factors: Readonly<Record<string, number>> = {}, name = cpu.name): MachineDocument => ({
  schema: 'ridgepoint/machine@1',
  ok: true,
  warnings: [],
  result: {
    ...cpu,
    name,
    ceilings: cpu.ceilings.map((c): Ceiling => ({...c, value: c.value * (factors[c.id] ?? 1)})),
  } satisfies Machine,
})

/** A kernel at an intensity and a rate; the roof of the test CPU allows what it says. */
const point = (name: string, kind: string, intensity: number, flopsPerSecond: number, cv = 0.01): PlacedPoint => {
  const flops = 1e9
  const seconds = flops / flopsPerSecond
  const attainable = Math.min(236e9, 38e9 * intensity)
  return {
    ...{name, kind, flops, bytes: flops / intensity, seconds, cv, intensity, attainable},
    ...{achieved: flopsPerSecond, bandwidth: flopsPerSecond / intensity, least: flops / attainable},
    ...{efficiency: flopsPerSecond / attainable, bound: attainable < 236e9 ? 'dram' : 'fma-f32', verdict: 'ok'},
  }
}

/** Points as `perf bench` would place them: `speed` multiplies the rate of each by its name. */
export function points(speed: Readonly<Record<string, number>> = {}): PlacementDocument {
  const at = (name: string) => speed[name] ?? 1
  const copied = {
    ...point('transpose', 'transpose', 1, 10e9 * at('transpose')),
    flops: 0,
    intensity: null,
    achieved: null,
  }
  return {
    schema: 'ridgepoint/placement@1',
    ok: true,
    warnings: [],
    result: {
      machine: {id: cpu.id, name: cpu.name, memory: 8e9, ceilings: cpu.ceilings},
      dtype: 'f32',
      level: 'DRAM',
      roof: {
        compute: {id: 'fma-f32', value: 236e9, unit: 'FLOP/s'},
        bandwidth: {id: 'dram', value: 38e9, unit: 'B/s'},
        ridge: 236 / 38,
      },
      points: [
        point('gemm 2048', 'matmul', 300, 150e9 * at('gemm 2048')),
        point('softmax 4096', 'softmax', 0.625, 12e9 * at('softmax 4096')),
        point('gelu 1e6', 'gelu', 1.1, 20e9 * at('gelu 1e6')),
        copied,
      ],
    },
  }
}
