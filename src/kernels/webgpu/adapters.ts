/// <reference types="@webgpu/types" />
/** What an adapter says of itself, and choosing one. Browser-safe. */
import {AnalysisError, quoted} from '../../analysis/errors.ts'
import {type MatrixUnits, matrixUnitsOf, subgroupMatrixFeature} from './matrix-units.ts'

export interface AdapterFacts {
  /** the device and its driver, with "(software)" where a processor does the work */
  name: string
  vendor: string
  architecture: string
  device: string
  description: string
  software: boolean
  features: string[]
  /** features that it has and that were not asked for, where the environment says so */
  withheld?: string[]
  /** B */
  maxBufferSize: number
  /** B of workgroup memory */
  workgroupMemory: number
  /** threads of a workgroup, all of them along x */
  maxInvocations: number
  /** threads of its smallest and largest subgroup; `null` where shaders have none */
  subgroups: {min: number; max: number} | null
  /** products of its matrix units; `null` where it lacks the feature */
  matrixUnits: MatrixUnits | null
}

/** SwiftShader and llvmpipe (Mesa's lavapipe) run on the processor, whether or not the adapter admits it. */
const softwareNames = /swiftshader|llvmpipe|lavapipe|microsoft basic render/i

/** WGSL's own bounds where the adapter says none (WebGPU §3.6.3: 4 to 128). */
function subgroupsOf({features, info}: GPUAdapter): AdapterFacts['subgroups'] {
  if (!features.has('subgroups')) return null
  const {subgroupMinSize, subgroupMaxSize} = info as {subgroupMinSize?: number; subgroupMaxSize?: number}
  return {min: subgroupMinSize || 4, max: subgroupMaxSize || 128}
}

export function factsOf(adapter: GPUAdapter): AdapterFacts {
  const {vendor, architecture, device, description} = adapter.info
  const fallback = (adapter.info as {isFallbackAdapter?: boolean}).isFallbackAdapter === true
  const software = fallback || softwareNames.test(`${architecture} ${device} ${description}`)
  // Dawn's description is the driver's: `nvidia-h100-80gb-hbm3` and `NVIDIA 580.159.04`; a software driver is all there is of its device, and browsers give neither
  const own = software ? [description] : [device.replace(/-+$/, ''), description]
  const said =
    own.filter(Boolean).join(', ') || [vendor, architecture || device].filter(Boolean).join(' ') || 'unnamed adapter'
  const {limits} = adapter
  return {
    name: software ? `${said} (software)` : said,
    vendor,
    architecture,
    device,
    description,
    software,
    features: [...adapter.features].sort(),
    maxBufferSize: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX),
    subgroups: subgroupsOf(adapter),
    matrixUnits: matrixUnitsOf(adapter),
  }
}

/** Features that ceilings need and the adapter lacks, by name. */
export const missingFeatures = ({features}: Pick<AdapterFacts, 'features'>): string[] =>
  ['timestamp-query', 'shader-f16', subgroupMatrixFeature].filter((name) => !features.includes(name))

/** Every different adapter that the implementation gives out: WebGPU has no list, so both power preferences are asked. */
export async function listAdapters(gpu: GPU): Promise<{adapter: GPUAdapter; facts: AdapterFacts}[]> {
  const found = new Map<string, {adapter: GPUAdapter; facts: AdapterFacts}>()
  for (const options of [
    {powerPreference: 'high-performance'},
    {powerPreference: 'low-power'},
  ] satisfies GPURequestAdapterOptions[]) {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) continue
    const facts = factsOf(adapter)
    if (!found.has(facts.name)) found.set(facts.name, {adapter, facts})
  }
  return [...found.values()]
}

/**
 * The adapter that was asked for: the fastest, `low-power`, or one whose name contains the text.
 * @throws AnalysisError `no-adapter`
 */
export async function chooseAdapter(gpu: GPU, choice: string | undefined): Promise<GPUAdapter> {
  const none = () =>
    new AnalysisError('no-adapter', 'WebGPU finds no adapter: there is no GPU here, or no driver for it', [
      "install the GPU's driver (on Linux its Vulkan driver, or use --adapter software where Debian's chromium package is installed)",
      '`perf doctor` says what is missing; --backend cpu and `perf measure cpu` need no GPU',
    ])
  if (choice === 'software') {
    // Dawn calls SwiftShader a fallback; lavapipe is none, although it is software all the same
    const fallback = await gpu.requestAdapter({forceFallbackAdapter: true})
    const adapter = fallback ?? (await listAdapters(gpu)).find(({facts}) => facts.software)?.adapter
    if (!adapter) throw none()
    return adapter
  }
  if (choice === undefined || choice === 'high-performance' || choice === 'low-power') {
    const adapter = await gpu.requestAdapter({powerPreference: choice ?? 'high-performance'})
    if (!adapter) throw none()
    return adapter
  }
  const all = await listAdapters(gpu)
  if (all.length === 0) throw none()
  const match = all.find(({facts}) => facts.name.toLowerCase().includes(choice.toLowerCase()))
  if (match) return match.adapter
  throw new AnalysisError('no-adapter', `WebGPU: no adapter is called ${quoted(choice)}`, [
    `there are ${all.map(({facts}) => facts.name).join(', ')}; or high-performance, low-power, software`,
  ])
}
