/** Every view, one line each, in the order of the page. A file in this folder that is missing here fails a test. */
import type {View} from '../view.ts'
import {fusion} from './fusion.ts'
import {memory} from './memory.ts'
import {roofline} from './roofline.ts'
import {time} from './time.ts'

export const views = {roofline, time, fusion, memory} as const satisfies Record<string, View>

export type ViewId = keyof typeof views
