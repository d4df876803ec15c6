/// <reference types="@webgpu/types" />
/**
 * One opened WebGPU device: buffers, a pipeline cache, timed runs, readback. The same over Dawn in Node and `navigator.gpu` in a browser;
 * nothing here touches Node.
 */
import {AnalysisError} from '../../analysis/errors.ts'
import type {Binding, Shader} from '../wgsl/shader.ts'
import type {AdapterFacts} from './adapters.ts'
import {Stamps, type Timer} from './timer.ts'

/** WebGPU's flags by value: in Node the names are no globals. */
const usage = {mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80, resolve: 0x200} as const
const computeStage = 0x4
const mapForReading = 0x1

/** One step of a timed pass: a pipeline with its buffers. */
export interface Step {
  pipeline: GPUComputePipeline
  group: GPUBindGroup
  workgroups: readonly [number, number, number]
}

/** A part of a buffer that a shader sees. */
export interface Slice {
  buffer: GPUBuffer
  offset: number
  bytes: number
}

const gigabytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`

/** @see openSession in open.ts */
export class GpuSession {
  readonly device: GPUDevice
  readonly facts: AdapterFacts
  private readonly stamps: Stamps
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>()
  private readonly layouts = new Map<string, GPUBindGroupLayout>()
  private readonly owned = new Set<GPUBuffer>()
  private queries: {set: GPUQuerySet; resolved: GPUBuffer; read: GPUBuffer} | undefined
  private loss: string | undefined
  private closing = false

  constructor(device: GPUDevice, facts: AdapterFacts, timer: Timer) {
    this.device = device
    this.facts = facts
    this.stamps = new Stamps(timer)
    void device.lost.then(({message, reason}) => {
      if (!this.closing) this.loss = message || reason
    })
  }

  /** How durations are taken. */
  get timer(): Timer {
    return this.stamps.timer
  }

  /** Why the device is gone, or `undefined` while it works. */
  get lost(): string | undefined {
    return this.loss
  }

  /** Whether shaders may compute in f16. */
  get hasF16(): boolean {
    return this.device.features.has('shader-f16')
  }

  /** Largest storage buffer that a shader can see, B. */
  get largestBuffer(): number {
    const {maxBufferSize, maxStorageBufferBindingSize} = this.device.limits
    return Math.min(maxBufferSize, maxStorageBufferBindingSize)
  }

  /** @throws AnalysisError `gpu-failed` once the device is lost */
  throwIfLost(): void {
    if (this.loss !== undefined)
      throw new AnalysisError('gpu-failed', `WebGPU: the device ${this.facts.name} was lost: ${this.loss}`, [
        'run it again with smaller --dims, or choose another with --adapter',
      ])
  }

  /** Runs `work` and turns what the device objects to into an error of its own. */
  private async guarded<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    this.throwIfLost()
    this.device.pushErrorScope('out-of-memory')
    this.device.pushErrorScope('internal')
    this.device.pushErrorScope('validation')
    let result: T
    let thrown: unknown
    try {
      result = await work()
    } catch (error) {
      thrown = error
    }
    const [invalid, internal, memory] = [
      await this.device.popErrorScope(),
      await this.device.popErrorScope(),
      await this.device.popErrorScope(),
    ]
    this.throwIfLost()
    if (memory)
      throw new AnalysisError('does-not-fit', `WebGPU: ${what}: ${this.facts.name} is out of memory`, [
        'smaller --dims, or close other programs that use the GPU',
      ])
    // what was thrown knows the line of a shader; the device's own objection is longer
    const objection = thrown ?? invalid ?? internal
    if (objection !== undefined && objection !== null) {
      if (objection instanceof AnalysisError) throw objection
      const message = (objection as {message?: string}).message ?? String(objection)
      throw new AnalysisError('gpu-failed', `WebGPU: ${what}: ${message.split('\n')[0]}`, [
        'update the driver, or choose another with --adapter; a report of this message helps',
      ])
    }
    return result!
  }

  /**
   * A storage buffer.
   * @throws AnalysisError `does-not-fit` above the adapter's limit or its memory
   */
  async allocate(bytes: number, what = 'a buffer'): Promise<GPUBuffer> {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    if (size > this.largestBuffer)
      throw new AnalysisError(
        'does-not-fit',
        `WebGPU: ${what} needs a buffer of ${gigabytes(size)}; ${this.facts.name} allows ${gigabytes(this.largestBuffer)}`,
        ['smaller --dims'],
      )
    const create = () =>
      this.guarded(`${what}, ${gigabytes(size)}`, () =>
        this.device.createBuffer({size, usage: usage.storage | usage.copySource | usage.copyTarget}),
      )
    const buffer = await create().catch(async (error) => {
      if (!(error instanceof AnalysisError) || error.code !== 'does-not-fit') throw error
      // what was given back is free when the work that used it has ended
      await this.device.queue.onSubmittedWorkDone()
      return create()
    })
    this.owned.add(buffer)
    return buffer
  }

  /** Runs `work` and gives back every buffer that it allocated and kept. */
  async scoped<T>(work: () => Promise<T>): Promise<T> {
    const before = new Set(this.owned)
    try {
      return await work()
    } finally {
      this.free([...this.owned].filter((buffer) => !before.has(buffer)))
    }
  }

  /** Gives buffers back. */
  free(buffers: Iterable<GPUBuffer>): void {
    for (const buffer of buffers) {
      buffer.destroy()
      this.owned.delete(buffer)
    }
  }

  /** Copies to the device; the length must be a multiple of 4 bytes. */
  write(buffer: GPUBuffer, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    this.device.queue.writeBuffer(buffer, offset, data)
  }

  /** Fills a buffer with copies of an image, made on the device. */
  async repeat(buffer: GPUBuffer, image: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>): Promise<void> {
    const size = image.byteLength
    if (size >= buffer.size) {
      this.write(buffer, image.subarray(0, buffer.size / 4))
      return
    }
    await this.guarded('filling a buffer', () => {
      const staging = this.device.createBuffer({size, usage: usage.copySource | usage.copyTarget})
      this.device.queue.writeBuffer(staging, 0, image)
      const encoder = this.device.createCommandEncoder()
      for (let at = 0; at < buffer.size; at += size)
        encoder.copyBufferToBuffer(staging, 0, buffer, at, Math.min(size, buffer.size - at))
      this.device.queue.submit([encoder.finish()])
      staging.destroy()
    })
  }

  /** Fills buffers with numbers that do not repeat within 4 MiB: zeros would be easier to move than data is. */
  async fill(buffers: readonly GPUBuffer[]): Promise<void> {
    const size = Math.min(4 * 2 ** 20, ...buffers.map((buffer) => buffer.size))
    const values = Float32Array.from({length: size / 4}, (_, i) => ((i * 0.6180339887498949) % 1) - 0.5)
    for (const buffer of buffers) await this.repeat(buffer, values)
  }

  /** Copies back, `bytes` a multiple of 4. */
  async read(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const data = new Uint8Array(bytes)
    const reader = await this.reader(buffer, data)
    try {
      await reader.read()
    } finally {
      reader.close()
    }
    return data.buffer
  }

  /** Copies back into `data` again and again, through memory that is allocated once. */
  async reader(buffer: GPUBuffer, data: Uint8Array): Promise<{read: () => Promise<void>; close: () => void}> {
    const size = data.byteLength
    const staging = await this.guarded('reading back', () =>
      this.device.createBuffer({size, usage: usage.mapRead | usage.copyTarget}),
    )
    const read = () =>
      this.guarded('reading back', async () => {
        const encoder = this.device.createCommandEncoder()
        encoder.copyBufferToBuffer(buffer, 0, staging, 0, size)
        this.device.queue.submit([encoder.finish()])
        await staging.mapAsync(mapForReading)
        data.set(new Uint8Array(staging.getMappedRange()))
        staging.unmap()
      })
    return {read, close: () => staging.destroy()}
  }

  private layoutOf(bindings: readonly Binding[]): GPUBindGroupLayout {
    const key = bindings.join()
    let layout = this.layouts.get(key)
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        entries: bindings.map((kind, binding) => ({
          binding,
          visibility: computeStage,
          buffer: {type: kind === 'read' ? ('read-only-storage' as const) : ('storage' as const)},
        })),
      })
      this.layouts.set(key, layout)
    }
    return layout
  }

  /** The pipeline of a shader, compiled once. */
  pipeline({code, bindings}: Shader): Promise<GPUComputePipeline> {
    const key = `${bindings.join()}\n${code}`
    let pipeline = this.pipelines.get(key)
    if (!pipeline) {
      pipeline = this.compile(code, bindings)
      this.pipelines.set(key, pipeline)
    }
    return pipeline
  }

  private compile(code: string, bindings: readonly Binding[]): Promise<GPUComputePipeline> {
    if (bindings.length > this.device.limits.maxStorageBuffersPerShaderStage)
      throw new AnalysisError(
        'gpu-failed',
        `WebGPU: a kernel needs ${bindings.length} storage buffers; ${this.facts.name} allows ${this.device.limits.maxStorageBuffersPerShaderStage}`,
        ['choose another with --adapter'],
      )
    return this.guarded('a shader does not compile', async () => {
      const module = this.device.createShaderModule({code})
      const {messages} = await module.getCompilationInfo()
      const error = messages.find(({type}) => type === 'error')
      if (error) throw new Error(`line ${error.lineNum}: ${error.message}`)
      return this.device.createComputePipelineAsync({
        layout: this.device.createPipelineLayout({bindGroupLayouts: [this.layoutOf(bindings)]}),
        compute: {module, entryPoint: 'main'},
      })
    })
  }

  /**
   * A shader with its buffers, in the order of its bindings.
   * @throws AnalysisError `does-not-fit` beyond the workgroups that the adapter takes in one dimension, `gpu-failed`
   */
  async step(shader: Shader, slices: readonly Slice[]): Promise<Step> {
    const most = this.device.limits.maxComputeWorkgroupsPerDimension
    const long = Math.max(...shader.workgroups)
    if (long > most)
      throw new AnalysisError(
        'does-not-fit',
        `WebGPU: a kernel needs ${long} workgroups in one dimension; ${this.facts.name} takes ${most}`,
        ['smaller --dims'],
      )
    const pipeline = await this.pipeline(shader)
    const group = this.device.createBindGroup({
      layout: this.layoutOf(shader.bindings),
      entries: slices.map(({buffer, offset, bytes}, binding) => ({binding, resource: {buffer, offset, size: bytes}})),
    })
    return {pipeline, group, workgroups: shader.workgroups}
  }

  private encode(pass: GPUComputePassEncoder, steps: readonly Step[], times: number): void {
    for (let i = 0; i < times; i++)
      for (const {pipeline, group, workgroups} of steps) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        pass.dispatchWorkgroups(...workgroups)
      }
  }

  /** Runs steps once and waits. */
  async run(steps: readonly Step[]): Promise<void> {
    await this.guarded('a kernel failed', async () => {
      const encoder = this.device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      this.encode(pass, steps, 1)
      pass.end()
      this.device.queue.submit([encoder.finish()])
      await this.device.queue.onSubmittedWorkDone()
    })
  }

  /** Seconds that `times` repetitions of the steps take on the device; 0 where that is below the timer's resolution. */
  async time(steps: readonly Step[], times: number): Promise<number> {
    return this.guarded('a kernel failed', () =>
      this.timer.kind === 'timestamp-query' ? this.stamped(steps, times) : this.differenced(steps, times),
    )
  }

  private async stamped(steps: readonly Step[], times: number): Promise<number> {
    this.queries ??= {
      set: this.device.createQuerySet({type: 'timestamp', count: 2}),
      resolved: this.device.createBuffer({size: 16, usage: usage.resolve | usage.copySource}),
      read: this.device.createBuffer({size: 16, usage: usage.mapRead | usage.copyTarget}),
    }
    const {set, resolved, read} = this.queries
    const encoder = this.device.createCommandEncoder()
    const pass = encoder.beginComputePass({
      timestampWrites: {querySet: set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1},
    })
    this.encode(pass, steps, times)
    pass.end()
    encoder.resolveQuerySet(set, 0, 2, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, read, 0, 16)
    const from = performance.now()
    this.device.queue.submit([encoder.finish()])
    await read.mapAsync(mapForReading)
    const wall = (performance.now() - from) / 1000
    const [start, end] = new BigInt64Array(read.getMappedRange().slice(0))
    read.unmap()
    return this.stamps.seconds(start!, end!, wall)
  }

  /** Wall-clock seconds of submitting steps and waiting for them. */
  async wall(steps: readonly Step[], times: number): Promise<number> {
    const encoder = this.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    this.encode(pass, steps, times)
    pass.end()
    const commands = encoder.finish()
    const started = performance.now()
    this.device.queue.submit([commands])
    await this.device.queue.onSubmittedWorkDone()
    return (performance.now() - started) / 1000
  }

  /** Twice the work less once the work: submitting and waking cancel. */
  private async differenced(steps: readonly Step[], times: number): Promise<number> {
    const once = await this.wall(steps, times)
    const twice = await this.wall(steps, 2 * times)
    return Math.max(0, twice - once)
  }

  /** Frees everything; the session cannot be used again. */
  close(): void {
    this.closing = true
    this.free([...this.owned])
    this.queries?.set.destroy()
    this.device.destroy()
  }
}
