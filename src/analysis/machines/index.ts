/** The datasheet machines: one file each, one line here. */
import type {Machine} from '../document/machine.ts'
import {a100Sxm40} from './a100-40gb-sxm.ts'
import {a100Sxm80} from './a100-80gb-sxm.ts'
import {b200} from './b200.ts'
import {h100Pcie} from './h100-pcie.ts'
import {h100Sxm} from './h100-sxm.ts'
import {h200Sxm} from './h200-sxm.ts'
import {l4} from './l4.ts'
import {l40s} from './l40s.ts'
import {m3Max} from './m3-max.ts'
import {mi300x} from './mi300x.ts'
import {rtx4090} from './rtx-4090.ts'
import {tpuV5e} from './tpu-v5e.ts'
import {tpuV5p} from './tpu-v5p.ts'
import {v100Sxm} from './v100-sxm.ts'

export const machines = {
  'v100-sxm': v100Sxm,
  'a100-40gb-sxm': a100Sxm40,
  'a100-80gb-sxm': a100Sxm80,
  'h100-sxm': h100Sxm,
  'h100-pcie': h100Pcie,
  'h200-sxm': h200Sxm,
  b200,
  l4,
  l40s,
  'rtx-4090': rtx4090,
  mi300x,
  'tpu-v5e': tpuV5e,
  'tpu-v5p': tpuV5p,
  'm3-max': m3Max,
} as const satisfies Record<string, Machine>
