import {describe, expect, test} from 'vitest'
import {planMemory} from '../../src/kernels/levels.ts'
import type {NativeSession} from '../../src/kernels/native.ts'
import {allocate, memoryWarnings, openMeasuring} from '../../src/kernels/opening.ts'

const MiB = 2 ** 20
const caches = [
  {level: 'L1', claimed: 32 * 1024, sharedBy: 1},
  {level: 'L2', claimed: MiB, sharedBy: 1},
] as const

/** An addon whose system hands out `most` bytes at a time; counts what it was asked for and what was given back. */
function systemWith(most: number) {
  const asked: number[] = []
  let closed = 0
  class Session implements NativeSession {
    async open(bytesPerThread: number[]) {
      const bytes = bytesPerThread.reduce((a, b) => a + b)
      asked.push(bytes)
      if (bytes > most) throw new Error('the system refuses the memory for the measurement')
      const threads = bytesPerThread.length
      return {threads, pinned: threads, touched: bytesPerThread, bytes, hugeBytes: bytes}
    }
    async allocate() {}
    async sample(): Promise<never> {
      throw new Error('not needed here')
    }
    cancel() {}
    close() {
      closed++
    }
  }
  return {addon: {Session}, asked, closed: () => closed}
}

describe('opening a session', () => {
  test('asks for less where the system refuses, and gives back what it got', async () => {
    const {addon, asked, closed} = systemWith(20 * MiB)
    const {memory, info, close} = await openMeasuring(addon, caches, 2, 1, undefined)
    expect(asked.length).toBeGreaterThan(1)
    expect(asked.every((bytes, i) => i === 0 || bytes <= asked[i - 1]!)).toBe(true)
    expect(info.bytes).toBeLessThanOrEqual(20 * MiB)
    expect(closed()).toBe(asked.length - 1)
    expect(memory.bytesPerThread).toHaveLength(2)
    close()
    expect(closed()).toBe(asked.length)
  })

  test('where nothing is to be had, it says so', async () => {
    const {addon, asked, closed} = systemWith(0)
    await expect(openMeasuring(addon, caches, 2, 1, undefined)).rejects.toMatchObject({code: 'does-not-fit'})
    expect(closed()).toBe(asked.length)
  })

  test('tensors that the system refuses are told with their bytes, not as a fault of ours', async () => {
    const refusing = {
      async allocate() {
        throw new Error('the system refuses')
      },
    }
    const tensors = [
      {bytes: 3 * MiB, fill: 'f32' as const},
      {bytes: MiB, fill: 'f32' as const},
    ]
    await expect(allocate(refusing, tensors)).rejects.toMatchObject({
      code: 'does-not-fit',
      message: '4.19 MB of tensors are needed: the system refuses',
    })
  })

  test('an interruption is not mistaken for a refusal', async () => {
    const {addon, asked} = systemWith(0)
    await expect(openMeasuring(addon, caches, 2, 1, AbortSignal.abort())).rejects.toMatchObject({code: 'interrupted'})
    expect(asked).toHaveLength(1)
  })
})

describe('too little memory is said', () => {
  const plenty = planMemory(caches, 1, 4096 * MiB)
  test.each([
    ['all of it', plenty, plenty.bytesPerThread, []],
    ['slow to come', plenty, [plenty.residentPerThread[0]! + MiB], ['small-memory']],
    ['hardly any', planMemory(caches, 1, 4 * MiB), [2 * MiB], ['small-memory']],
  ])('%s', (_, memory, touched, codes) => {
    expect(memoryWarnings({touched}, memory, caches).map(({code}) => code)).toEqual(codes)
  })
})
