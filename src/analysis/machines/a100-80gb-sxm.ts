/** NVIDIA A100 SXM4 80 GB (Ampere, 2020). */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA A100 Tensor Core GPU data sheet (June 2021), column A100 80GB SXM, the first (dense) of the two figures',
  date: '2026-11-21',
}
const whitepaper: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA A100 Tensor Core GPU Architecture white paper V1.0 (2020), peak performance table: the same GPU at the same clock as the 40 GB board',
  date: '2026-11-21',
}
const nvlink: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA A100 Tensor Core GPU Architecture white paper V1.0 (2020), third-generation NVLink: 12 links of 25 GB/s in each direction (600 GB/s is the sum of both)',
  date: '2026-11-21',
}

export const a100Sxm80: Machine = {
  id: 'a100-80gb-sxm',
  name: 'NVIDIA A100 SXM4 80 GB',
  identity: {},
  memory: {capacity: 80e9, source: 'NVIDIA A100 data sheet (June 2021): 80 GB HBM2e'},
  power: {watts: 400, source: 'NVIDIA A100 data sheet (June 2021), max thermal design power of the SXM board'},
  ceilings: [
    {
      id: 'vector-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f64',
      value: 9.7e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 19.5e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f16',
      value: 78e12,
      unit: 'FLOP/s',
      provenance: whitepaper,
    },
    {
      id: 'vector-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'bf16',
      value: 39e12,
      unit: 'FLOP/s',
      provenance: whitepaper,
    },
    {
      id: 'matrix-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f64',
      value: 19.5e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 156e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 312e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 312e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 624e12,
      unit: 'OP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-int4',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int4',
      value: 1248e12,
      unit: 'OP/s',
      provenance: datasheet,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 2039e9, unit: 'B/s', provenance: datasheet},
    {id: 'link-nvlink', kind: 'link', value: 300e9, unit: 'B/s', provenance: nvlink},
  ],
}
