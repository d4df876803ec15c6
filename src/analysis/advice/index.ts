/** Every advice rule, one line each. A rule in this folder that is missing here fails a test. */
import {doesNotFit} from './does-not-fit.ts'
import {fuseChain} from './fuse-chain.ts'
import {largerBatch} from './larger-batch.ts'
import {persistentKernel} from './persistent-kernel.ts'
import {quantizeKv} from './quantize-kv.ts'
import {quantizeWeights} from './quantize-weights.ts'
import {recompute} from './recompute.ts'
import type {AdviceRule} from './types.ts'

export const adviceRules = {
  'does-not-fit': doesNotFit,
  'larger-batch': largerBatch,
  'quantize-weights': quantizeWeights,
  'quantize-kv': quantizeKv,
  'fuse-chain': fuseChain,
  'persistent-kernel': persistentKernel,
  recompute,
} as const satisfies Record<string, AdviceRule>
