import {readFileSync, writeFileSync} from 'node:fs'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {expect, test} from 'vitest'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {bytesOf, type Program, partBytes} from '../../src/kernels/program.ts'
import {pairs} from '../../src/kernels/registry.ts'
import {measure, setUp, withSession} from '../../src/kernels/run.ts'

const machine: Machine = {id: 'local', name: 'no ceilings', identity: {}, ceilings: []}
const bytesAt = (program: Program) => program.parts.reduce((sum, part) => sum + partBytes(part), 0)

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** This process's memory in KiB: what it has, and the most it had. */
const status = (field: 'VmRSS' | 'VmHWM') =>
  Number(new RegExp(`${field}:\\s*(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1])

/** By how many bytes this process's memory grows at most while a program runs once and again. */
async function growth(program: Program): Promise<number> {
  collect()
  writeFileSync('/proc/self/clear_refs', '5') // the most it had is now what it has: proc(5)
  const before = status('VmRSS')
  const setup = setUp({machine, threads: 1})
  const effort = {repetitionSeconds: 0.001, rounds: 1, extraRounds: 0, budgetSeconds: 0, leastRounds: 1}
  await withSession(setup, undefined, 0, (opened) => measure(opened, [program], setup, {machine}, effort))
  return 1024 * (status('VmHWM') - before)
}

test.runIf(process.platform === 'linux')(
  'fused attention holds no scores: memory grows with the length, that of the unfused form with its square',
  async () => {
    const {fused, unfused} = pairs['attention-gqa']
    const sizes = (length: number, causal: number) => [1, length, 1, 1, 16, causal]
    // a session, its threads and their scratch memory, which are the same at any length
    await growth(fused(sizes(64, 1)))
    const scores = 4 * 4096 ** 2
    for (const causal of [0, 1]) {
      const program = fused(sizes(4096, causal))
      expect(bytesOf([program])).toBe(4 * 4 * 4096 * 16)
      expect(await growth(program), `causal ${causal}`).toBeLessThan(scores / 2)
    }
    // the same measurement sees scores and weights where there are any
    expect(await growth(unfused(sizes(4096, 1)))).toBeGreaterThan(1.5 * scores)
  },
)

test('its bytes double with the length, those of the unfused form four times', () => {
  const {fused, unfused} = pairs.attention
  const grows = (side: (dims: readonly number[]) => Program) =>
    bytesAt(side([1, 8192, 2, 64])) / bytesAt(side([1, 4096, 2, 64]))
  expect(grows(fused)).toBe(2)
  expect(grows(unfused)).toBeGreaterThan(3.9)
})
