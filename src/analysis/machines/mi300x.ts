/** AMD Instinct MI300X (CDNA 3, 2023). */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'AMD Instinct MI300X accelerator data sheet (December 2023), peak figures without sparsity',
  date: '2026-11-21',
}
const memory: Provenance = {
  kind: 'datasheet',
  source: 'AMD Instinct MI300X accelerator data sheet (December 2023), peak memory bandwidth 5.3 TB/s',
  date: '2026-11-21',
}
const fabric: Provenance = {
  kind: 'datasheet',
  source:
    'AMD Instinct MI300X accelerator data sheet (December 2023): 7 Infinity Fabric links of 128 GB/s, the sum of both directions; one direction of all seven is 448 GB/s',
  date: '2026-11-21',
}

export const mi300x: Machine = {
  id: 'mi300x',
  name: 'AMD Instinct MI300X 192 GB',
  identity: {},
  memory: {capacity: 192e9, source: 'AMD Instinct MI300X accelerator data sheet (December 2023): 192 GB HBM3'},
  power: {watts: 750, source: 'AMD Instinct MI300X accelerator data sheet (December 2023), typical board power, peak'},
  ceilings: [
    {
      id: 'vector-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f64',
      value: 81.7e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 163.4e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f64',
      value: 163.4e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 653.7e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 1307.4e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 1307.4e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 2614.9e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 2614.9e12,
      unit: 'OP/s',
      provenance: datasheet,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 5300e9, unit: 'B/s', provenance: memory},
    {id: 'link-infinity-fabric', kind: 'link', value: 448e9, unit: 'B/s', provenance: fabric},
  ],
}
