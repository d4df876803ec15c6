import {describe, expect, test} from 'vitest'
import {planMemory} from '../../src/kernels/levels.ts'
import type {NativeSession, Touch} from '../../src/kernels/native.ts'
import {allocate, memoryWarnings, openMeasuring, sessionWarnings} from '../../src/kernels/opening.ts'

const MiB = 2 ** 20
const caches = [
  {level: 'L1', claimed: 32 * 1024, sharedBy: 1},
  {level: 'L2', claimed: MiB, sharedBy: 1},
] as const

/** An addon whose system hands out `most` bytes at a time; counts what it was asked for and what was given back. */
function systemWith(most: number) {
  const asked: number[] = []
  const touches: (Touch | undefined)[] = []
  let closed = 0
  class Session implements NativeSession {
    async open(bytesPerThread: number[], _resident: number[], touch?: Touch) {
      touches.push(touch)
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
  return {addon: {Session}, asked, touches, closed: () => closed}
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

  test.each([
    [255, 2],
    [256, 3],
    [511, 3],
    [2 ** 20, 7],
  ])('of %d MiB it asks for all and for halves, down to 64 MiB: %d times', async (room, times) => {
    const {addon, asked} = systemWith(0)
    await expect(openMeasuring(addon, caches, 1, 1, undefined, room * MiB)).rejects.toThrow()
    expect(asked).toHaveLength(times)
    // of more than 4 GiB none is taken
    expect(asked[0]).toBe(planMemory(caches, 1, Math.min(room, 4096) * MiB).bytesPerThread[0])
  })

  test('pages are touched for so long, to twice the outermost cache, to a window at least', async () => {
    const touchOf = async (...claimed: number[]) => {
      const {addon, touches} = systemWith(2 ** 40)
      const those = claimed.map((bytes, i) => ({level: (['L1', 'L2', 'L3'] as const)[i]!, claimed: bytes, sharedBy: 1}))
      const {memory} = await openMeasuring(addon, those, 1, 7, undefined, 1024 * MiB)
      expect(touches[0]!.least).toBe(memory.window)
      return touches[0]
    }
    expect(await touchOf(32 * 1024, MiB, 20 * MiB)).toMatchObject({seconds: 7, enough: 40 * MiB})
    expect(await touchOf(32 * 1024)).toMatchObject({enough: 64 * 1024})
    expect(await touchOf()).toMatchObject({enough: 0})
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

test('threads that were not granted or not pinned are said, and only those', () => {
  const of = (threads: number, pinned: number) =>
    sessionWarnings({threads, pinned, touched: [], bytes: MiB, hugeBytes: MiB}, 2, 'linux').map(({code}) => code)
  expect(of(2, 2)).toEqual([])
  expect(of(2, 1)).toEqual(['not-pinned'])
  expect(of(1, 1)).toEqual(['fewer-threads'])
})
