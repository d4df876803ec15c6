/** NVIDIA H200 SXM (Hopper, 2023): the GH100 of the H100 SXM5 with HBM3e. */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA H200 Tensor Core GPU data sheet, column H200 SXM',
  date: '2026-11-21',
}
const halved: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA H200 Tensor Core GPU data sheet, column H200 SXM: prints the rate with 2:4 sparsity and states that the dense rate is half of it',
  date: '2026-11-21',
}
const hopper: Provenance = {
  kind: 'derived',
  source:
    '132 SMs of the same GH100 as the H100 SXM5, whose white paper prints this vector rate; the H200 data sheet prints none',
  date: '2026-11-21',
}
const nvlink: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA H200 data sheet: NVLink 900 GB/s, the sum of both directions; one direction is half',
  date: '2026-11-21',
}

export const h200Sxm: Machine = {
  id: 'h200-sxm',
  name: 'NVIDIA H200 SXM 141 GB',
  identity: {},
  memory: {capacity: 141e9, source: 'NVIDIA H200 data sheet: 141 GB HBM3e'},
  power: {watts: 700, source: 'NVIDIA H200 data sheet, max thermal design power of the SXM module (up to 700 W)'},
  ceilings: [
    {
      id: 'vector-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f64',
      value: 34e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 67e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f16',
      value: 133.8e12,
      unit: 'FLOP/s',
      provenance: hopper,
    },
    {
      id: 'vector-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'bf16',
      value: 133.8e12,
      unit: 'FLOP/s',
      provenance: hopper,
    },
    {
      id: 'matrix-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f64',
      value: 67e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 494.5e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 989.5e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 989.5e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 1979e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 1979e12,
      unit: 'OP/s',
      provenance: halved,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 4800e9, unit: 'B/s', provenance: datasheet},
    {id: 'link-nvlink', kind: 'link', value: 450e9, unit: 'B/s', provenance: nvlink},
  ],
}
