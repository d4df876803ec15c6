/** Apple M3 Max, 16-core CPU and 40-core GPU (2023). Apple prints no FLOP/s: the compute ceilings are derived. */
import type {Machine, Provenance} from '../document/machine.ts'

const specs: Provenance = {
  kind: 'datasheet',
  source:
    'Apple, MacBook Pro (14-inch and 16-inch, November 2023) technical specifications: M3 Max with 40-core GPU, 400GB/s memory bandwidth',
  date: '2026-11-21',
}
const gpu: Provenance = {
  kind: 'derived',
  source:
    '40 GPU cores (Apple technical specifications) × 128 ALUs per core (P. Turner, metal-benchmarks) × 2 FLOP per FMA × 1.38 GHz (highest GPU state that powermetrics reports for M3)',
  date: '2026-11-21',
}
const half: Provenance = {
  kind: 'derived',
  source:
    'as vector-f32: an ALU of an Apple GPU does f16 at the rate of f32 (P. Turner, metal-benchmarks); f16 and f32 issued together may exceed it',
  date: '2026-11-21',
}

export const m3Max: Machine = {
  id: 'm3-max',
  name: 'Apple M3 Max (40 GPU cores)',
  identity: {},
  memory: {
    capacity: 128e9,
    source:
      'Apple, MacBook Pro (November 2023) technical specifications: unified memory configurable up to 128GB, shared with the CPU',
  },
  ceilings: [
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 14.1312e12,
      unit: 'FLOP/s',
      provenance: gpu,
    },
    {
      id: 'vector-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f16',
      value: 14.1312e12,
      unit: 'FLOP/s',
      provenance: half,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 400e9, unit: 'B/s', provenance: specs},
  ],
}
