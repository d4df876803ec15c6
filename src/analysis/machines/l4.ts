/** NVIDIA L4 (Ada, 2023). */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA L4 Tensor Core GPU data sheet (2023), specifications table',
  date: '2026-11-21',
}
const halved: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA L4 Tensor Core GPU data sheet (2023): prints the rate with 2:4 sparsity and states that the dense rate is half of it',
  date: '2026-11-21',
}

export const l4: Machine = {
  id: 'l4',
  name: 'NVIDIA L4 24 GB',
  identity: {},
  memory: {capacity: 24e9, source: 'NVIDIA L4 data sheet: 24 GB GDDR6'},
  power: {watts: 72, source: 'NVIDIA L4 data sheet, max thermal design power'},
  ceilings: [
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 30.3e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 60e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 121e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 121e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 242.5e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 242.5e12,
      unit: 'OP/s',
      provenance: halved,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 300e9, unit: 'B/s', provenance: datasheet},
  ],
}
