/** Measured kernels as a document of placed points, so that the same page shows them. */
import {kernelName} from '../src/analysis/compare-measured.ts'
import type {BenchKernel} from '../src/analysis/document/bench.ts'
import type {Ceiling, Machine} from '../src/analysis/document/machine.ts'
import type {PlacedPoint} from '../src/analysis/document/placement.ts'
import {AnalysisError, type Warning} from '../src/analysis/errors.ts'
import {isRows} from '../src/analysis/mix.ts'
import type {PlacementDocument} from './placement.ts'

/** A kernel under its roof; `undefined` where the machine has no fitting ceilings. */
function pointOf(k: BenchKernel, name: string): PlacedPoint | undefined {
  if (k.efficiency === null || k.bound === null || !(k.seconds.min > 0)) return undefined
  const least = k.efficiency * k.seconds.min
  return {
    name,
    kind: k.op,
    flops: k.flops,
    bytes: k.bytes,
    seconds: k.seconds.min,
    cv: k.seconds.cv,
    dtype: k.dtype,
    intensity: k.bytes > 0 ? k.flops / k.bytes : null,
    attainable: k.flops > 0 && least > 0 ? k.flops / least : null,
    achieved: k.flops > 0 ? k.flopsPerSecond : null,
    bandwidth: k.bytes > 0 ? k.bytesPerSecond : null,
    least,
    efficiency: k.efficiency,
    ...(k.inTurn ? {efficiencyInTurn: k.inTurn.efficiency} : {}),
    bound: k.bound,
    verdict: k.verdict,
    ...(k.reason === undefined ? {} : {reason: k.reason}),
  }
}

/** Ceilings on no more threads than the kernels had, and those that decide: of kernels on one thread all threads' roof would be twice too high. */
function ceilingsOf(kernels: readonly BenchKernel[], {ceilings}: Machine): Ceiling[] {
  const most = Math.max(...kernels.map(({threads}) => threads))
  const bounds = new Set(kernels.map(({bound}) => bound?.replace(/\+functions$/, '')))
  return ceilings.filter(({id, threads}) => threads === undefined || threads <= most || bounds.has(id))
}

/**
 * @throws AnalysisError `no-profile` where the machine has no ceilings that a kernel could stand under
 */
export function benchDocument(
  kernels: readonly BenchKernel[],
  machine: Machine,
  warnings: readonly Warning[],
): PlacementDocument {
  const {id, name, memory} = machine
  const ceilings = ceilingsOf(kernels, machine)
  const highest = (kind: 'compute' | 'bandwidth', isOne: (c: Ceiling) => boolean) =>
    ceilings
      .filter((c) => c.kind === kind && isOne(c))
      .reduce<Ceiling | undefined>((top, c) => (top && top.value >= c.value ? top : c), undefined)
  const compute = highest('compute', (c) => c.dtype === 'f32' && (c.operation ?? 'fma') === 'fma')
  const bandwidth = highest('bandwidth', (c) => (c.level ?? 'DRAM') === 'DRAM' && !isRows(c))
  const points = kernels.flatMap((k) => {
    return pointOf(k, kernelName(k)) ?? []
  })
  if (!compute || !bandwidth || points.length === 0)
    throw new AnalysisError('no-profile', 'the machine has no ceilings that these kernels could stand under', [
      'perf measure',
    ])
  return {
    schema: 'ridgepoint/placement@1',
    ok: true,
    warnings: [...warnings],
    result: {
      machine: {id, name, memory: memory?.capacity ?? null, ceilings},
      dtype: 'f32',
      level: 'DRAM',
      roof: {
        compute: {id: compute.id, value: compute.value, unit: compute.unit},
        bandwidth: {id: bandwidth.id, value: bandwidth.value, unit: bandwidth.unit},
        ridge: compute.value / bandwidth.value,
      },
      points,
    },
  }
}
