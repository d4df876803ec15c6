/** That runs of all kernels and of all pairs which come when their minute is used up are said, and those asked for by name never are. */
import {afterEach, expect, test, vi} from 'vitest'
import {benchKernels} from '../../src/kernels/bench.ts'
import {benchPairs} from '../../src/kernels/pairs.ts'
import {bandwidth, compute, machineOf} from './made-up.ts'

// all kernels are one, and all pairs one, of sizes that take no time
vi.mock('../../src/kernels/registry.ts', async (original) => {
  const {kernels, pairs} = await original<typeof import('../../src/kernels/registry.ts')>()
  const relu = {...kernels.relu, dtypes: undefined, grows: undefined, sizes: {cache: [100], dram: [200]}}
  const chain = {...pairs.chain, dtypes: undefined, grows: undefined, sizes: {cache: [100, 4], dram: [200, 4]}}
  return {kernels: {relu}, kernelIds: ['relu'], pairs: {chain}, pairIds: ['chain']}
})

const machine = machineOf(compute('fma', 1e11, 1), bandwidth('read', 'DRAM', 1e10, 1))
const now = performance.now.bind(performance)
const of = (seconds: number) => {
  // what is done has taken so long from the first run on
  let late = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now() + late)
  const onProgress = () => {
    late = seconds * 1000
  }
  return {machine, threads: 1, onProgress}
}
const said = ({warnings}: {warnings: {code: string; message: string}[]}) =>
  warnings.filter(({code}) => code === 'time-short').map(({message}) => message)

afterEach(() => {
  vi.restoreAllMocks()
})

test('all kernels', async () => {
  expect(said(await benchKernels(of(0)))).toEqual([])
  const [message, ...more] = said(await benchKernels(of(60)))
  expect(more).toEqual([])
  expect(message).toMatch(/^(\d+) of \1 runs .* \(relu \d+, .*; perf bench NAME gives one its time$/)
  expect(said(await benchKernels({...of(60), kernels: ['relu']}))).toEqual([])
}, 60_000)

test('all pairs', async () => {
  expect(said(await benchPairs(of(0)))).toEqual([])
  const [message, ...more] = said(await benchPairs(of(60)))
  expect(more).toEqual([])
  expect(message).toMatch(/^(\d+) of \1 runs .* \(chain \d+x4.*; perf compare --fused NAME gives one its time$/)
  expect(said(await benchPairs({...of(60), pairs: ['chain']}))).toEqual([])
}, 60_000)
