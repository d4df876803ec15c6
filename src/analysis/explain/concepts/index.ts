/** Every concept, one line each. A file in this folder that is missing here fails a test. */
import type {Concept} from '../concept.ts'
import {blocks} from './blocks.ts'
import {bound} from './bound.ts'
import {compulsoryTraffic} from './compulsory-traffic.ts'
import {flopMac} from './flop-mac.ts'
import {fusion} from './fusion.ts'
import {gqa} from './gqa.ts'
import {intensity} from './intensity.ts'
import {kvCache} from './kv-cache.ts'
import {latency} from './latency.ts'
import {mfu} from './mfu.ts'
import {prefillDecode} from './prefill-decode.ts'
import {ridge} from './ridge.ts'
import {roofline} from './roofline.ts'

export const concepts = {
  roofline,
  ridge,
  intensity,
  bound,
  latency,
  'compulsory-traffic': compulsoryTraffic,
  blocks,
  'flop-mac': flopMac,
  'prefill-decode': prefillDecode,
  'kv-cache': kvCache,
  gqa,
  fusion,
  mfu,
} as const satisfies Record<string, Concept>
