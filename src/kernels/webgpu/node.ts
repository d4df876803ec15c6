/// <reference types="@webgpu/types" />
/** WebGPU in Node: Dawn from the optional package `webgpu`, loaded here and nowhere else. */
import {existsSync} from 'node:fs'
import {constants} from 'node:os'
import {AnalysisError, quoted} from '../../analysis/errors.ts'
import {type AdapterFacts, chooseAdapter, listAdapters} from './adapters.ts'
import {openSession, type SessionOptions, wanted} from './open.ts'
import type {GpuSession} from './session.ts'

/** Where Debian's package `chromium` puts SwiftShader, a Vulkan driver in software, and a Vulkan loader. */
const swiftShader = {driver: '/usr/lib/chromium/vk_swiftshader_icd.json', loader: '/usr/lib/chromium/libvulkan.so.1'}

interface Dawn {
  create(flags: string[]): GPU
}

/**
 * Loads Dawn. The name comes in a variable, since neither the compiler nor the bundler may rely on an optional package.
 * @throws AnalysisError `no-adapter` where the package is missing or has no binary for this platform
 */
export async function loadDawn(name = 'webgpu'): Promise<Dawn> {
  try {
    return (await import(/* @vite-ignore */ name)) as Dawn
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ERR_MODULE_NOT_FOUND')
      throw new AnalysisError('no-adapter', 'WebGPU: the optional package webgpu is not installed', [
        'npm install webgpu',
        '--backend cpu and `perf measure cpu` need no GPU',
      ])
    throw new AnalysisError(
      'no-adapter',
      `WebGPU: the package webgpu does not load here: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`,
      ['npm install webgpu again on this platform (it has binaries for Linux, macOS and Windows)'],
    )
  }
}

/** Keeps a library in the process although Node, which expects an addon, refuses it: glibc's RTLD_NODELETE. */
const keepLoaded = 0x1000

/** Brings a library into the process; Node's refusal of what is no addon ("did not self-register") comes after it is loaded. */
function load(library: string): boolean {
  try {
    process.dlopen({exports: {}}, library, constants.dlopen.RTLD_NOW | keepLoaded)
    return true
  } catch (error) {
    return !/cannot open shared object/.test(String(error))
  }
}

/** Linux reaches GPUs through this library alone. Dawn without it prints a line of its own source and finds nothing. */
const linuxLoader = 'libvulkan.so.1'

function requireLoader(): void {
  if (process.platform !== 'linux' || load(linuxLoader)) return
  throw new AnalysisError('no-adapter', `WebGPU finds no adapter: the Vulkan loader ${linuxLoader} is not installed`, [
    "install it (Debian: apt-get install libvulkan1) and the GPU's driver, or use --adapter software where Debian's chromium package is installed",
    '--backend cpu and `perf measure cpu` need no GPU',
  ])
}

/** Points Vulkan at SwiftShader. Other drivers are not seen by this process from then on. */
function useSoftware(): void {
  // Dawn asks Vulkan on Linux alone: elsewhere the system's own software adapter is the only one, and Dawn is asked for it
  if (process.platform !== 'linux') return
  const driver = process.env.VK_DRIVER_FILES ?? swiftShader.driver
  if (!existsSync(driver))
    throw new AnalysisError('no-adapter', `WebGPU: there is no software adapter: ${driver} does not exist`, [
      'apt-get install chromium (Debian), or set VK_DRIVER_FILES to a software driver such as lavapipe',
    ])
  process.env.VK_DRIVER_FILES = driver
  // systems without a Vulkan loader of their own find this one, since it is already there when Dawn asks
  if (existsSync(swiftShader.loader)) load(swiftShader.loader)
}

/** Where containers with NVIDIA's runtime keep the driver's description, which the Vulkan loader does not look for there. */
const containerDrivers = '/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json'

/** Names the container's driver to the Vulkan loader, beside those that it finds; what the environment names rules. */
function addContainerDriver(): void {
  const {VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES} = process.env
  if (!VK_DRIVER_FILES && !VK_ICD_FILENAMES && !VK_ADD_DRIVER_FILES && existsSync(containerDrivers))
    process.env.VK_ADD_DRIVER_FILES = containerDrivers
}

/** Instances stay reachable: one that is collected while its devices live takes the process down with it. */
const instances: GPU[] = []

/**
 * What Dawn is told. Timestamps are exact, where a browser rounds them. f16 is withheld from every NVIDIA card for a few failing
 * conformance tests (crbug.com/42251215); here each f16 kernel is checked before it is timed. SwiftShader compiles a zeroed 16 KiB of
 * workgroup memory for 2 s where the driver zeroes it, and for 0.1 s where the shader does.
 */
const flagsOf = (software: boolean): string[] => [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  `disable-dawn-features=timestamp_quantization${software ? ',use_vulkan_zero_initialize_workgroup_memory_extension' : ''}`,
]

/** Dawn's instance. */
async function instance(software: boolean): Promise<GPU> {
  const dawn = await loadDawn()
  if (software) useSoftware()
  else addContainerDriver()
  requireLoader()
  const gpu = dawn.create(flagsOf(software))
  instances.push(gpu)
  return gpu
}

export interface NodeGpuOptions {
  /** `--adapter`: high-performance (default), low-power, software, or a part of a name */
  adapter?: string | undefined
  /** `false`: the wall clock although there are timestamps */
  timestamps?: boolean | undefined
}

/**
 * Features that `RIDGEPOINT_GPU_WITHOUT` names: a driver's compiler that dies of a shader takes the process with it, and the rest can be
 * measured without what it dies of.
 */
function withoutFeatures(): string[] {
  const names = (process.env.RIDGEPOINT_GPU_WITHOUT ?? '').split(',').filter(Boolean)
  const unknown = names.find((name) => !wanted.some((feature) => feature === name))
  if (unknown === undefined) return names
  throw new AnalysisError('bad-flag', `RIDGEPOINT_GPU_WITHOUT: ${quoted(unknown)} is no feature that is asked for`, [
    `some of ${wanted.join(',')}`,
  ])
}

/**
 * Opens a GPU. Close the session when done: an open device keeps the process alive.
 * @throws AnalysisError `no-adapter`
 */
export async function openNodeGpu({adapter, timestamps}: NodeGpuOptions = {}): Promise<GpuSession> {
  const without = withoutFeatures()
  const gpu = await instance(adapter === 'software')
  const options: SessionOptions = {timestampStep: 0, timestamps: timestamps ?? true, without}
  return openSession(await chooseAdapter(gpu, adapter), options)
}

/**
 * The adapters of this machine, software ones named as such.
 * @throws AnalysisError `no-adapter` without the package
 */
export async function nodeAdapters(software = false): Promise<AdapterFacts[]> {
  return (await listAdapters(await instance(software))).map(({facts}) => facts)
}

/** Whether a software adapter could be had. */
export const softwareIsThere = (): boolean => existsSync(process.env.VK_DRIVER_FILES ?? swiftShader.driver)
