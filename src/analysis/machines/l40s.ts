/** NVIDIA L40S (Ada, 2023). Its data sheet prints the same figure for int4 as for int8, half of what the silicon does: int4 is left out. */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA L40S GPU data sheet (2023), the first (dense) of the two figures',
  date: '2026-11-21',
}

export const l40s: Machine = {
  id: 'l40s',
  name: 'NVIDIA L40S 48 GB',
  identity: {},
  memory: {capacity: 48e9, source: 'NVIDIA L40S data sheet: 48 GB GDDR6 with ECC'},
  power: {watts: 350, source: 'NVIDIA L40S data sheet, max power consumption'},
  ceilings: [
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 91.6e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 183e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 362.05e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 362.05e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 733e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 733e12,
      unit: 'OP/s',
      provenance: datasheet,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 864e9, unit: 'B/s', provenance: datasheet},
  ],
}
