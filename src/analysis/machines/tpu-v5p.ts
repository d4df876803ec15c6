/** Google Cloud TPU v5p, one chip (two TensorCores, four 128 × 128 matrix units each). */
import type {Machine, Provenance} from '../document/machine.ts'

const docs: Provenance = {
  kind: 'datasheet',
  source: 'Google Cloud documentation "TPU v5p", system architecture, specifications per chip',
  date: '2026-11-21',
}
const vector: Provenance = {
  kind: 'derived',
  source:
    '2 TensorCores × 8 × 128 lanes × 4 ALUs (How to Scale Your Model, TPU internals, 2025) × 1.751 GHz (the printed 459 TFLOP/s ÷ 8 matrix units ÷ 128² ÷ 2), one operation each',
  date: '2026-11-21',
}
const ici: Provenance = {
  kind: 'datasheet',
  source:
    'Google Cloud documentation "TPU v5p": interchip interconnect 4,800 Gbps per chip in one direction (1,200 GBps is the sum of both)',
  date: '2026-11-21',
}

export const tpuV5p: Machine = {
  id: 'tpu-v5p',
  name: 'Google TPU v5p (one chip)',
  identity: {},
  memory: {capacity: 95e9, source: 'Google Cloud documentation "TPU v5p": HBM2e 95 GB (a later edition prints 95 GiB)'},
  ceilings: [
    {
      id: 'vector-f32',
      kind: 'compute',
      operation: 'add',
      engine: 'vector',
      dtype: 'f32',
      value: 14.344e12,
      unit: 'FLOP/s',
      provenance: vector,
    },
    {
      id: 'matrix-bf16',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'bf16',
      value: 459e12,
      unit: 'FLOP/s',
      provenance: docs,
    },
    {
      id: 'matrix-fp8',
      kind: 'compute',
      operation: 'fma',
      engine: 'matrix',
      dtype: 'fp8',
      value: 459e12,
      unit: 'FLOP/s',
      provenance: docs,
    },
    {id: 'dram', kind: 'bandwidth', mix: 'read', level: 'DRAM', value: 2765e9, unit: 'B/s', provenance: docs},
    {id: 'link-ici', kind: 'link', value: 600e9, unit: 'B/s', provenance: ici},
  ],
}
