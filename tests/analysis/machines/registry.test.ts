/** Meta-tests: a machine that is added to the registry is tested without writing a test for it. */
import {readdirSync, readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {type Machine, machineSchema} from '../../../src/analysis/document/machine.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {prepareRoof} from '../../../src/analysis/roofline.ts'
import {machineTable} from './table.ts'

const all: readonly Machine[] = Object.values(machines)
const folder = new URL('../../../src/analysis/machines/', import.meta.url)

describe('the registry', () => {
  it('has a file for every machine and a machine for every file', () => {
    const files = readdirSync(folder).filter((name) => name !== 'index.ts')
    expect(files.map((name) => name.replace(/\.ts$/, '')).sort()).toEqual(Object.keys(machines).sort())
    for (const [id, machine] of Object.entries(machines)) expect(machine.id).toBe(id)
  })

  it('has at least the twelve machines promised, all with different names', () => {
    expect(all.length).toBeGreaterThanOrEqual(12)
    expect(new Set(all.map((m) => m.name)).size).toBe(all.length)
  })

  it('is loaded at start-up: machine files import types only', () => {
    for (const name of readdirSync(folder).filter((file) => file !== 'index.ts')) {
      const imports = readFileSync(new URL(name, folder), 'utf8').match(/^import .*$/gm) ?? []
      for (const line of imports) expect(line, name).toMatch(/^import type /)
    }
  })

  it('stands in docs/machines.md, row by row', () => {
    const page = readFileSync(new URL('../../../docs/machines.md', import.meta.url), 'utf8')
    const table = /<!-- machines -->\n\n([\s\S]*?)\n\n<!-- \/machines -->/.exec(page)
    expect(table?.[1]).toBe(machineTable(all))
  })
})

describe.each(all.map((m) => [m.id, m] as const))('%s', (_, machine) => {
  const compute = machine.ceilings.filter((c) => c.kind === 'compute')
  const bandwidth = machine.ceilings.filter((c) => c.kind === 'bandwidth')

  it('fits the schema', () => {
    expect(machineSchema.parse(machine)).toEqual(machine)
  })

  it('cites a document for every ceiling, its memory and its power', () => {
    const publisher = /NVIDIA|AMD|Google|Apple|TensorCore|SMs|ALU/
    for (const {id, provenance} of machine.ceilings) {
      expect(['datasheet', 'derived'], id).toContain(provenance.kind)
      expect(provenance.source, id).toMatch(publisher)
      expect(provenance.source.length, id).toBeGreaterThan(30)
      expect(provenance.date, id).toMatch(/^20\d\d-\d\d-\d\d$/)
      // a derived value shows its arithmetic or whose figure it takes over
      if (provenance.kind === 'derived') expect(provenance.source, id).toMatch(/×|as vector-f32|same GH100/)
    }
    expect(machine.memory?.source).toBeTruthy()
    if (machine.power) expect(machine.power.source).toBeTruthy()
  })

  it('has what the roofline needs: a DRAM bandwidth, an f32 vector peak, a memory capacity', () => {
    expect(bandwidth.filter((c) => c.level === 'DRAM' && c.mix === 'read')).toHaveLength(1)
    expect(compute.filter((c) => c.engine === 'vector' && c.dtype === 'f32')).toHaveLength(1)
    expect(machine.memory?.capacity).toBeGreaterThan(1e9)
  })

  it('names ceilings by engine and type, each once', () => {
    const ids = machine.ceilings.map((c) => c.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const c of compute)
      expect(c.id).toBe(`${c.engine}-${c.dtype}${c.accumulate === 'f16' ? '-acc16' : ''}${c.sparsity ? '-sparse' : ''}`)
    for (const c of machine.ceilings)
      expect(c.unit, c.id).toBe(c.kind !== 'compute' ? 'B/s' : c.dtype?.startsWith('int') ? 'OP/s' : 'FLOP/s')
  })

  it('has no rent: prices belong to the user', () => {
    expect(machine.price).toBeUndefined()
  })

  it('is no slower inside than outside', () => {
    const order = ['L1', 'L2', 'L3', 'DRAM']
    const sorted = bandwidth.toSorted((a, b) => order.indexOf(a.level!) - order.indexOf(b.level!))
    for (let i = 1; i < sorted.length; i++) expect(sorted[i - 1]!.value).toBeGreaterThanOrEqual(sorted[i]!.value)
    for (const link of machine.ceilings.filter((c) => c.kind === 'link'))
      expect(link.value).toBeLessThan(bandwidth[0]!.value)
  })

  it('gains at most a factor of two with each halving of the type', () => {
    // a sparse peak in a dense column shows as a factor of four
    const matrix = compute.filter((c) => c.engine === 'matrix' && c.accumulate !== 'f16' && !c.sparsity)
    const peak = (dtype: string) => matrix.find((c) => c.dtype === dtype)?.value
    for (const [wide, narrow] of [
      ['tf32', 'bf16'],
      ['tf32', 'f16'],
      ['bf16', 'fp8'],
      ['f16', 'fp8'],
      ['int8', 'int4'],
    ] as const) {
      if (peak(wide) === undefined || peak(narrow) === undefined) continue
      expect(peak(narrow)! / peak(wide)!, `${wide} to ${narrow}`).toBeLessThanOrEqual(2.1)
      expect(peak(narrow)! / peak(wide)!, `${wide} to ${narrow}`).toBeGreaterThanOrEqual(1)
    }
    // and int8 as two on Ada's f32-accumulated f16: 4
    if (peak('bf16') && peak('int8')) expect(peak('int8')! / peak('bf16')!).toBeLessThanOrEqual(4.01)
  })
})

it.each(
  all.filter((m) => m.ceilings.some((c) => c.sparsity)).map((m) => [m.id, m] as const),
)('the sparse peaks of %s are ceilings of their own: twice the dense one of the same type, as its maker prints them', (_, machine) => {
  for (const c of machine.ceilings.filter(({sparsity}) => sparsity)) {
    expect(c.provenance.source, c.id).toMatch(/spars/)
    const dense = machine.ceilings.find(
      (d) => !d.sparsity && d.engine === 'matrix' && d.dtype === c.dtype && d.accumulate === c.accumulate,
    )!
    // the L40S prints 733 beside 362.05
    expect(Math.abs(c.value / dense.value / 2 - 1), c.id).toBeLessThan(0.013)
  }
  // nothing that is not pruned ever sees one
  const roof = prepareRoof(machine)
  for (const engine of ['matrix', 'vector'] as const)
    for (const dtype of ['f32', 'bf16', 'f16', 'fp8', 'int8', 'int4'] as const)
      expect(roof.compute(engine, dtype).ceiling.sparsity).toBeUndefined()
})

/**
 * Dense figures in tera-operations and GB/s, a second time and from a second place than the machine files: copies of
 * the data sheets and tables of other projects, compared on 2026-11-21.
 */
const published: Record<string, {source: string; values: Record<string, number>; sparse?: Record<string, number>}> = {
  'v100-sxm': {
    source:
      'Cornell Virtual Workshop "Tesla V100" (f64, f32); NVIDIA developer blog "Programming Tensor Cores in CUDA 9" (125)',
    values: {'vector-f64': 7.8, 'vector-f32': 15.7, 'matrix-f16': 125, dram: 900},
  },
  'a100-40gb-sxm': {
    source: 'Paderborn Center for Parallel Computing, node page "NVIDIA A100 40GB with NVLINK"',
    values: {
      'vector-f64': 9.7,
      'matrix-f64': 19.5,
      'vector-f32': 19.5,
      'matrix-tf32': 156,
      'matrix-bf16': 312,
      'matrix-f16': 312,
      'matrix-int8': 624,
      'matrix-int4': 1248,
      dram: 1555,
    },
    sparse: {'matrix-tf32': 312, 'matrix-bf16': 624, 'matrix-f16': 624, 'matrix-int8': 1248, 'matrix-int4': 2496},
  },
  'a100-80gb-sxm': {
    source: 'Glenn Lockwood, "A100": table of vector, matrix and sparse peaks after the data sheet',
    values: {
      'vector-f64': 9.7,
      'vector-f32': 19.5,
      'matrix-tf32': 156,
      'matrix-bf16': 312,
      'matrix-int8': 624,
      dram: 2039,
    },
    sparse: {'matrix-bf16': 624, 'matrix-f16': 624},
  },
  'h100-sxm': {
    source: 'Glenn Lockwood, "H100": table of vector, matrix and sparse peaks after the white paper',
    values: {
      'vector-f64': 33.5,
      'matrix-f64': 66.9,
      'vector-f32': 66.9,
      'vector-f16': 133.8,
      'vector-bf16': 133.8,
      'matrix-tf32': 494.7,
      'matrix-bf16': 989.4,
      'matrix-f16': 989.4,
      'matrix-fp8': 1978.9,
      'matrix-int8': 1978.9,
      dram: 3350,
    },
    sparse: {
      'matrix-tf32': 989.4,
      'matrix-bf16': 1978.9,
      'matrix-f16': 1978.9,
      'matrix-fp8': 3957.8,
      'matrix-int8': 3957.8,
    },
  },
  'h100-pcie': {
    source: 'HPC Tech, product page "NVIDIA H100" (sparse column of the data sheet, halved)',
    values: {'matrix-tf32': 378, 'matrix-bf16': 756, 'matrix-fp8': 1513, 'matrix-int8': 1513, dram: 2000},
    sparse: {'matrix-tf32': 756, 'matrix-bf16': 1513, 'matrix-f16': 1513, 'matrix-fp8': 3026, 'matrix-int8': 3026},
  },
  'h200-sxm': {
    source: 'AI Wiki, "NVIDIA H200"; roadmap page "8x H200" (sparse figures of the data sheet, halved)',
    values: {'vector-f64': 34, 'matrix-bf16': 989.5, 'matrix-fp8': 1979, dram: 4800},
    sparse: {'matrix-bf16': 1979, 'matrix-f16': 1979, 'matrix-fp8': 3958, 'matrix-int8': 3958},
  },
  b200: {
    source:
      'Glenn Lockwood, "B200", HGX at 1,000 W (dense); pytorch/ao pull request 4002 (7,680 bit × 3,996 MHz × 2 = 7.67 TB/s)',
    values: {
      'matrix-tf32': 1100,
      'matrix-bf16': 2250,
      'matrix-f16': 2250,
      'matrix-fp8': 4500,
      'matrix-int8': 4500,
      dram: 7700,
    },
    sparse: {'matrix-bf16': 4500, 'matrix-f16': 4500, 'matrix-fp8': 9000, 'matrix-int8': 9000},
  },
  l4: {
    source: 'Sourcecode comparison page of the L4 (sparse figures of the data sheet, halved)',
    values: {'vector-f32': 30.3, 'matrix-tf32': 60, 'matrix-int8': 242.5, dram: 300},
    sparse: {'matrix-tf32': 120, 'matrix-f16': 242, 'matrix-bf16': 242, 'matrix-fp8': 485, 'matrix-int8': 485},
  },
  l40s: {
    source: 'Mullet, product page "L40/L40S" (both columns of the data sheet)',
    values: {
      'vector-f32': 91.6,
      'matrix-tf32': 183,
      'matrix-bf16': 362.05,
      'matrix-f16': 362.05,
      'matrix-fp8': 733,
      dram: 864,
    },
    sparse: {'matrix-tf32': 366, 'matrix-bf16': 733, 'matrix-f16': 733, 'matrix-fp8': 1466},
  },
  'rtx-4090': {
    source: 'GigaGPU, "RTX 4090 tensor core performance": dense and sparse figures by accumulator',
    values: {
      'vector-f32': 82.6,
      'matrix-tf32': 82.6,
      'matrix-bf16': 165.2,
      'matrix-f16': 165.2,
      'matrix-f16-acc16': 330.3,
      'matrix-fp8-acc16': 660.6,
      'matrix-int8': 660.6,
      'matrix-int4': 1321,
      dram: 1008,
    },
    sparse: {'matrix-f16-acc16': 660.6, 'matrix-bf16': 330.3, 'matrix-fp8-acc16': 1321.2, 'matrix-int8': 1321.2},
  },
  mi300x: {
    source: 'AMD, table of peaks in its inference tools (2026)',
    values: {'vector-f32': 163.4, 'matrix-bf16': 1307.4, 'matrix-f16': 1307.4, 'matrix-fp8': 2614.9, dram: 5300},
    sparse: {'matrix-bf16': 2614.9, 'matrix-f16': 2614.9, 'matrix-fp8': 5229.8},
  },
  'tpu-v5e': {source: 'How to Scale Your Model, TPU tables (1.97e14, 8.2e11)', values: {'matrix-bf16': 197, dram: 819}},
  'tpu-v5p': {
    source: 'How to Scale Your Model, TPU tables (4.59e14, 2.8e12)',
    values: {'matrix-bf16': 459, dram: 2765},
  },
  'm3-max': {
    source: 'philipturner/applegpuinfo issue 4 (40 cores, 1.380 GHz)',
    values: {'vector-f32': 14.13, dram: 400},
  },
}

describe('published figures', () => {
  it('are known for every machine', () => {
    expect(Object.keys(published).sort()).toEqual(Object.keys(machines).sort())
  })

  it.each(Object.entries(published))('%s is dense, and agrees with a second source', (id, {values, sparse = {}}) => {
    const machine = all.find((m) => m.id === id)!
    const scaled = (ceiling: string) => {
      const found = machine.ceilings.find((c) => c.id === ceiling)
      expect(found, ceiling).toBeDefined()
      return found!.value / (found!.kind === 'compute' ? 1e12 : 1e9)
    }
    for (const [ceiling, value] of Object.entries(values))
      expect(Math.abs(scaled(ceiling) / value - 1), ceiling).toBeLessThan(0.001)
    for (const [ceiling, value] of Object.entries(sparse)) {
      expect(scaled(ceiling) / value, ceiling).toBeLessThan(0.51)
      // what sums in f16 has no sparse ceiling here
      if (!ceiling.endsWith('acc16'))
        expect(Math.abs(scaled(`${ceiling}-sparse`) / value - 1), ceiling).toBeLessThan(0.001)
    }
  })
})

/** Units × FLOP per cycle × clock in GHz, from the architecture papers: the third check, which no copying error survives. */
const architecture: [id: string, ceiling: string, units: number, flopPerCycle: number, gigahertz: number][] = [
  ['v100-sxm', 'vector-f32', 5120, 2, 1.53],
  ['v100-sxm', 'matrix-f16', 640, 128, 1.53],
  ['a100-40gb-sxm', 'vector-f32', 6912, 2, 1.41],
  ['a100-80gb-sxm', 'matrix-bf16', 432, 512, 1.41],
  ['h100-sxm', 'vector-f32', 132 * 128, 2, 1.98],
  ['h100-sxm', 'matrix-bf16', 528, 1024, 1.83],
  ['h100-pcie', 'vector-f32', 114 * 128, 2, 1.755],
  ['h100-pcie', 'matrix-bf16', 456, 1024, 1.62],
  ['l4', 'vector-f32', 7424, 2, 2.04],
  ['l4', 'matrix-bf16', 232, 256, 2.04],
  ['l40s', 'vector-f32', 18176, 2, 2.52],
  ['l40s', 'matrix-fp8', 568, 512, 2.52],
  ['rtx-4090', 'vector-f32', 16384, 2, 2.52],
  ['rtx-4090', 'matrix-bf16', 512, 128, 2.52],
  ['rtx-4090', 'matrix-f16-acc16', 512, 256, 2.52],
  ['mi300x', 'vector-f64', 304, 128, 2.1],
  ['mi300x', 'vector-f32', 304, 256, 2.1],
  ['mi300x', 'matrix-tf32', 304, 1024, 2.1],
  ['mi300x', 'matrix-bf16', 304, 2048, 2.1],
  ['mi300x', 'matrix-fp8', 304, 4096, 2.1],
  ['tpu-v5e', 'vector-f32', 8 * 128 * 4, 1, 197e3 / (4 * 128 ** 2 * 2)],
  ['tpu-v5p', 'vector-f32', 2 * 8 * 128 * 4, 1, 459e3 / (8 * 128 ** 2 * 2)],
  ['m3-max', 'vector-f32', 40 * 128, 2, 1.38],
].map((row) => row as [string, string, number, number, number])

it.each(architecture)('%s %s = units × FLOP per cycle × clock', (id, ceiling, units, flopPerCycle, gigahertz) => {
  const value = all.find((m) => m.id === id)!.ceilings.find((c) => c.id === ceiling)!.value
  expect(Math.abs((units * flopPerCycle * gigahertz * 1e9) / value - 1)).toBeLessThan(0.006)
})

describe('known errors of other tools', () => {
  const dram = (id: keyof typeof machines) => machines[id].ceilings.find((c) => c.id === 'dram')!.value
  it('the A100 40 GB has its own bandwidth', () => expect(dram('a100-40gb-sxm')).toBe(1.555e12))
  it('the H100 has the bandwidth of its data sheet', () => expect(dram('h100-sxm')).toBe(3.35e12))
  it('the RTX 4090 halves when it accumulates in f32', () => {
    const peaks = machines['rtx-4090'].ceilings.filter((c) => c.dtype === 'f16' && c.engine === 'matrix' && !c.sparsity)
    expect(peaks.map((c) => [c.accumulate, c.value])).toEqual([
      ['f32', 165.2e12],
      ['f16', 330.3e12],
    ])
  })
})
