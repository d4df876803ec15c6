/// <reference types="@webgpu/types" />
/** Opens an adapter's device. Browser-safe. */
import {AnalysisError} from '../../analysis/errors.ts'
import {type AdapterFacts, factsOf} from './adapters.ts'
import {subgroupMatrixFeature} from './matrix-units.ts'
import {GpuSession} from './session.ts'
import {type Timer, wallClock} from './timer.ts'

export interface SessionOptions {
  /** timestamps are rounded to this many seconds; 0 where they are not */
  timestampStep: number
  /** `false` measures with the wall clock although the adapter could do better */
  timestamps?: boolean
  /** features that are left alone although the adapter has them */
  without?: readonly string[]
}

/** Features that are asked for where an adapter has them. */
export const wanted = ['timestamp-query', 'shader-f16', 'subgroups', subgroupMatrixFeature] as const
const experimental = subgroupMatrixFeature as GPUFeatureName
const limitNames = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxStorageBuffersPerShaderStage',
] as const

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What an adapter says of itself, as if it had none of `without`. */
function factsWithout(adapter: GPUAdapter, without: readonly string[]): AdapterFacts {
  const facts = factsOf(adapter)
  const withheld = facts.features.filter((name) => without.includes(name))
  if (withheld.length === 0) return facts
  return {
    ...facts,
    features: facts.features.filter((name) => !withheld.includes(name)),
    subgroups: withheld.includes('subgroups') ? null : facts.subgroups,
    matrixUnits: withheld.includes(subgroupMatrixFeature) ? null : facts.matrixUnits,
    withheld,
  }
}

/** Opens the adapter's device with every limit as high as the adapter allows. */
export async function openSession(adapter: GPUAdapter, options: SessionOptions): Promise<GpuSession> {
  const facts = factsWithout(adapter, options.without ?? [])
  const features = wanted.filter((name) => facts.features.includes(name)) as GPUFeatureName[]
  const requiredLimits: Record<string, number> = {}
  for (const name of limitNames) {
    const limit = adapter.limits[name]
    if (limit !== undefined) requiredLimits[name] = limit
  }
  let device: GPUDevice
  try {
    device = await adapter.requestDevice({requiredFeatures: features, requiredLimits}).catch((error) => {
      // a driver that offers the experiment and refuses it still measures everything else; an adapter gives one device, and is asked again
      if (!features.includes(experimental)) throw error
      return adapter.requestDevice({requiredFeatures: features.filter((name) => name !== experimental), requiredLimits})
    })
  } catch (error) {
    throw new AnalysisError('no-adapter', `WebGPU: ${facts.name} gave no device: ${text(error)}`, [
      'update the driver, or choose another with --adapter (`perf doctor` lists them)',
    ])
  }
  const timed = options.timestamps !== false && device.features.has('timestamp-query')
  const timer: Timer = timed ? {kind: 'timestamp-query', resolution: options.timestampStep || 1e-9} : wallClock()
  return new GpuSession(device, facts, timer)
}
