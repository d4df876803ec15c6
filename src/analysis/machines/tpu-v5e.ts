/** Google Cloud TPU v5e, one chip (one TensorCore, four 128 × 128 matrix units). */
import type {Machine, Provenance} from '../document/machine.ts'

const docs: Provenance = {
  kind: 'datasheet',
  source: 'Google Cloud documentation "TPU v5e", system architecture, specifications per chip',
  date: '2026-11-21',
}
const memory: Provenance = {
  kind: 'datasheet',
  source: 'Google Cloud documentation "TPU v5e": HBM2 16 GB, 819 GBps (a later edition prints 800 GiBps, 5 % more)',
  date: '2026-11-21',
}
const vector: Provenance = {
  kind: 'derived',
  source:
    '1 TensorCore × 8 × 128 lanes × 4 ALUs (How to Scale Your Model, TPU internals, 2025) × 1.503 GHz (the printed 197 TFLOP/s ÷ 4 matrix units ÷ 128² ÷ 2), one operation each',
  date: '2026-11-21',
}
const ici: Provenance = {
  kind: 'datasheet',
  source:
    'Google Cloud documentation "TPU v5e": interchip interconnect 1,600 Gbps per chip in one direction (400 GBps is the sum of both)',
  date: '2026-11-21',
}

export const tpuV5e: Machine = {
  id: 'tpu-v5e',
  name: 'Google TPU v5e (one chip)',
  identity: {},
  memory: {capacity: 16e9, source: 'Google Cloud documentation "TPU v5e": 16 GB HBM2'},
  ceilings: [
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'add',
      engine: 'vector',
      dtype: 'f32',
      value: 6.157e12,
      unit: 'FLOP/s',
      provenance: vector,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 197e12,
      unit: 'FLOP/s',
      provenance: docs,
    },
    {
      id: 'matrix-int8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'int8',
      value: 393e12,
      unit: 'OP/s',
      provenance: docs,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 819e9, unit: 'B/s', provenance: memory},
    {id: 'link-ici', kind: 'link', value: 200e9, unit: 'B/s', provenance: ici},
  ],
}
