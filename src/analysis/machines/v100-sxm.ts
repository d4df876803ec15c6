/** NVIDIA V100 SXM2 (Volta, 2017). */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA V100 Tensor Core GPU data sheet (January 2020), specifications table, column V100 SXM2',
  date: '2026-11-21',
}
const whitepaper: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA A100 Tensor Core GPU Architecture white paper V1.0 (2020), comparison of V100 and A100 peaks, column V100: FP16 outside the tensor cores',
  date: '2026-11-21',
}
const nvlink: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA V100 data sheet (January 2020): 300 GB/s NVLink, the sum of both directions over 6 links; one direction is half',
  date: '2026-11-21',
}

export const v100Sxm: Machine = {
  id: 'v100-sxm',
  name: 'NVIDIA V100 SXM2 32 GB',
  identity: {},
  memory: {capacity: 32e9, source: 'NVIDIA V100 data sheet (January 2020): 32 GB or 16 GB HBM2; the 32 GB board'},
  power: {watts: 300, source: 'NVIDIA V100 data sheet (January 2020), maximum power consumption'},
  ceilings: [
    {
      id: 'vector-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f64',
      value: 7.8e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 15.7e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f16',
      value: 31.4e12,
      unit: 'FLOP/s',
      provenance: whitepaper,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 125e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 900e9, unit: 'B/s', provenance: datasheet},
    {id: 'link-nvlink', kind: 'link', value: 150e9, unit: 'B/s', provenance: nvlink},
  ],
}
