/** Every operator of ONNX that is known, by name; those of other domains with the domain in front. */
import type {Handlers} from '../call.ts'
import {control} from './control.ts'
import {math} from './math.ts'
import {products} from './products.ts'
import {shapes} from './shapes.ts'
import {windows} from './windows.ts'

export const handlers: Handlers = {...shapes, ...math, ...windows, ...products, ...control}
