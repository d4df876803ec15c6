import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {datasheetOf, figures, report} from '../../scripts/bench/gpu-report.mjs'

const ceiling = (id: string, value: number, more: object) => ({
  id,
  value,
  provenance: {source: 'a; b'},
  unit: 'B/s',
  ...more,
})
const vector = {operation: 'fma', dtype: 'f32', engine: 'vector'}
const machine = (software: boolean) => ({
  name: 'NVIDIA H100 80GB HBM3',
  identity: {
    adapter: {software},
    timer: {kind: 'timestamp-query'},
    absent: [],
    sweep: [
      {mix: 'read', bytes: 1024, bytesPerSecond: 1e9},
      {mix: 'copy', bytes: 2048, bytesPerSecond: 2e9},
    ],
  },
  ceilings: [
    ceiling('fma-f32-vec4', 60e12, vector),
    // an implausible one is no top
    ceiling('fma-f32-scalar', 90e12, {...vector, verdict: 'implausible'}),
    ceiling('copy-DRAM', 2.9e12, {mix: 'copy', level: 'DRAM'}),
  ],
})
const kernel = (id: string, flopsPerSecond: number, bytesPerSecond: number) => ({
  ...{
    id,
    dims: {m: 4096},
    dtype: 'f32',
    flopsPerSecond,
    bytesPerSecond,
    efficiency: 0.5,
    bound: 'x',
    maxError: 1e-7,
    verdict: 'ok',
  },
})
const run = (result: object) => ({
  command: 'perf x',
  result,
  warnings: [{code: 'noisy', message: 'it was'}],
  seconds: 4,
})
const side = (median: number) => ({seconds: {median}, verdict: 'ok'})
const measured = (software = false) => ({
  machine: machine(software),
  sheet: {id: 'h100-sxm', fma: 66.9e12, copy: 3.35e12},
  peer: {fma: 61e12, copy: 3.1e12},
  gemm: run({kernels: [kernel('gemm', 30e12, 1e12)]}),
  attention: [run({pairs: [{id: 'attention', dims: {seq: 1024}, unfused: side(2e-3), fused: side(1e-3), speedup: 2}]})],
  rows: [run({kernels: [kernel('softmax', 1e12, 1e12), kernel('softmax', 1e12, 2.6e12)]})],
  few: [run({kernels: [kernel('attention-decode', 1e11, 3e12)]})],
  kernels: run({kernels: [kernel('gemm', 30e12, 1e12)]}),
  pairs: {command: 'perf compare', warnings: [], error: 'the device was lost', seconds: 9},
  quick: run({}),
  full: {...run({}), seconds: 31},
})

test('what was promised is held against what was measured', () => {
  const found = figures(measured()) as {what: string; share: number; met?: boolean}[]
  const met = (pattern: RegExp) => found.find(({what}) => pattern.test(what))
  expect(met(/multiply-add, of the data sheet of h100/)).toMatchObject({share: expect.closeTo(60 / 66.9), met: true})
  expect(met(/multiply-add, of CUDA/)).toMatchObject({share: expect.closeTo(60 / 61), met: true})
  expect(met(/copy, of the data sheet/)!.met).toBe(true)
  expect(met(/copy, of CUDA/)).toMatchObject({share: expect.closeTo(2.9 / 3.1), met: false})
  expect(met(/product/)).toMatchObject({share: 0.5, met: false})
  expect(met(/attention/)!.met).toBe(true)
  expect(met(/softmax/)).toMatchObject({share: expect.closeTo(2.6 / 2.9), met: true})
  expect(met(/quick/)!.met).toBe(true)
  expect(met(/full/)!.met).toBe(false)
  // faster than the roof is no success
  const fast = {...measured(), gemm: run({kernels: [kernel('gemm', 70e12, 1e12)]})}
  expect(figures(fast).find(({what}: {what: string}) => /product/.test(what)).met).toBe(false)
})

test('nothing is promised of a software adapter', () => {
  for (const {met} of figures(measured(true))) expect(met).toBeUndefined()
})

test('the page names what failed and what was warned of', () => {
  const page: string = report({...measured(), date: '2026-11-21', seconds: 300})
  expect(page).toContain('`perf compare`: the device was lost')
  expect(page).toContain('noisy: it was')
  expect(page).toContain('Working sets, read: 1 KiB 1.00 GB/s.\nWorking sets, copy: 2 KiB 2.00 GB/s.')
  expect(page).not.toMatch(/undefined|NaN/)
})

test('a run that was cut short is a page of what there is', () => {
  const failed = {command: 'perf measure webgpu --quick', warnings: [], error: 'exit 1', seconds: 0.2}
  const {gemm: _, kernels: __, pairs: ___, ...rest} = {...measured(), attention: [], rows: []}
  const page: string = report({...rest, quick: failed, date: '2026-11-21', seconds: 40})
  expect(page).toContain('`perf measure webgpu --quick`: exit 1')
  expect(page).not.toMatch(/undefined|NaN/)
  // what did not run was not fast
  const quick = figures({...rest, quick: failed}).find(({what}: {what: string}) => /quick/.test(what))
  expect(quick).toMatchObject({value: 'failed', met: false})
})

test('the data sheet is found by what drivers call a card', () => {
  const show = (id: string) => ({
    ceilings: [ceiling(id, 1, vector), ceiling('hbm', 2, {kind: 'bandwidth', level: 'DRAM'})],
  })
  expect(datasheetOf('NVIDIA H200', show)).toEqual({id: 'h200-sxm', fma: 1, copy: 2})
  expect(datasheetOf('NVIDIA H100 PCIe', show).id).toBe('h100-pcie')
  expect(datasheetOf('NVIDIA A100-SXM4-80GB', show).id).toBe('a100-80gb-sxm')
  expect(datasheetOf('l40s', show).id).toBe('l40s')
  // in Dawn's spelling, with the driver's version behind
  expect(datasheetOf('nvidia-h100-80gb-hbm3, NVIDIA 580.159.04', show).id).toBe('h100-sxm')
  expect(datasheetOf('nvidia-h200, NVIDIA 580.159.03', show).id).toBe('h200-sxm')
  expect(datasheetOf('apple-m3-max, Metal driver', show).id).toBe('m3-max')
  expect(datasheetOf('Intel Iris Xe', show)).toBeUndefined()
})
