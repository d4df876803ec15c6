/** NVIDIA B200 in an HGX board at 1,000 W (Blackwell, 2024). The GB200 superchip is another, faster part. */
import type {Machine, Provenance} from '../document/machine.ts'

const datasheet: Provenance = {
  kind: 'datasheet',
  source: 'NVIDIA Blackwell data sheet, individual GPU specifications, column HGX B200',
  date: '2026-11-21',
}
const halved: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA Blackwell data sheet, individual GPU specifications, column HGX B200: prints the rate with 2:4 sparsity and states that the dense rate is half of it',
  date: '2026-11-21',
}
const memory: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA Blackwell data sheet, column HGX B200: 7.7 TB/s (7,680-bit bus at 3,996 MHz as the driver reports it; the often quoted 8 TB/s is the GB200 column)',
  date: '2026-11-21',
}
const nvlink: Provenance = {
  kind: 'datasheet',
  source:
    'NVIDIA Blackwell data sheet: fifth-generation NVLink 1.8 TB/s, the sum of both directions; one direction is half',
  date: '2026-11-21',
}

export const b200: Machine = {
  id: 'b200',
  name: 'NVIDIA B200 SXM 180 GB (HGX)',
  identity: {},
  memory: {capacity: 180e9, source: 'NVIDIA Blackwell data sheet, column HGX B200: 180 GB HBM3E'},
  power: {
    watts: 1000,
    source: 'NVIDIA Blackwell data sheet, column HGX B200, max thermal design power (configurable up to 1,000 W)',
  },
  ceilings: [
    {
      id: 'vector-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f64',
      value: 37e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'fma',
      engine: 'vector',
      dtype: 'f32',
      value: 75e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-f64',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f64',
      value: 37e12,
      unit: 'FLOP/s',
      provenance: datasheet,
    },
    {
      id: 'matrix-tf32',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'tf32',
      value: 1100e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 2250e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-f16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'f16',
      value: 2250e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 4500e12,
      unit: 'FLOP/s',
      provenance: halved,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 4500e12,
      unit: 'OP/s',
      provenance: halved,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 7700e9, unit: 'B/s', provenance: memory},
    {id: 'link-nvlink', kind: 'link', value: 900e9, unit: 'B/s', provenance: nvlink},
  ],
}
