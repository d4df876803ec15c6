/** Every view, one line each, in the order of the page. A file in this folder that is missing here fails a test. */
import type {View} from '../view.ts'
import {blocks} from './blocks.ts'
import {caches} from './caches.ts'
import {comparison} from './comparison.ts'
import {fusion} from './fusion.ts'
import {latency} from './latency.ts'
import {memory} from './memory.ts'
import {noise} from './noise.ts'
import {pairs} from './pairs.ts'
import {profiles} from './profiles.ts'
import {roofline} from './roofline.ts'
import {sustained} from './sustained.ts'
import {throughput} from './throughput.ts'
import {tiles} from './tiles.ts'
import {time} from './time.ts'
import {timings} from './timings.ts'

export const views = {
  roofline,
  comparison,
  timings,
  profiles,
  time,
  fusion,
  pairs,
  throughput,
  latency,
  memory,
  tiles,
  blocks,
  caches,
  sustained,
  noise,
} as const satisfies Record<string, View>
