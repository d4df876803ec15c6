/** What the host feels: upload, readback, and one dispatch there and back. Timed by the wall clock. */
import type {Effort, Target} from './plan.ts'
import type {GpuSession, Step} from './session.ts'
import {clockStep} from './timer.ts'

export interface Transfer {
  target: Target
  /** per second: B, or dispatches */
  rates: number[]
  how: string
}

const MiB = 2 ** 20

/** Host ceilings; a few repetitions each. */
export async function transfers(session: GpuSession, effort: Effort, empty: Step): Promise<Transfer[]> {
  const bytes = Math.min(session.facts.software ? 4 * MiB : 64 * MiB, session.largestBuffer)
  const buffer = await session.allocate(bytes, 'a transfer')
  // written once: pages of zeros that nobody wrote are one page
  const data = new Float32Array(bytes / 4).fill(0.5)
  const now = () => performance.now() / 1000
  // browsers round the clock, by up to 1 ms: a transfer or a dispatch alone would be a step or none
  const least = 20 * clockStep()
  const repeated = async (work: number, once: () => Promise<unknown>): Promise<number[]> => {
    const rates: number[] = []
    await once()
    for (let i = 0; i < Math.max(4, effort.rounds); i++) {
      const started = now()
      let [times, took] = [0, 0]
      for (; took <= least; took = now() - started, times++) await once()
      rates.push((work * times) / took)
    }
    return rates
  }
  const upload = await repeated(bytes, async () => {
    session.write(buffer, data)
    await session.device.queue.onSubmittedWorkDone()
  })
  // allocating what is mapped takes a driver longer than copying it
  const reader = await session.reader(buffer, new Uint8Array(data.buffer))
  const readback = await repeated(bytes, reader.read)
  reader.close()
  const dispatch = await repeated(1, () => session.wall([empty], 1))
  session.free([buffer])
  const size = `${bytes / MiB} MiB at a time, wall clock`
  return [
    {target: {id: 'upload', kind: 'link', unit: 'B/s'}, rates: upload, how: `host to device, ${size}`},
    {target: {id: 'readback', kind: 'link', unit: 'B/s'}, rates: readback, how: `device to host, ${size}`},
    {
      target: {id: 'launch-submit', kind: 'latency', unit: 's'},
      rates: dispatch,
      how: 'one empty kernel submitted and waited for, wall clock',
    },
  ]
}
