import {copy} from './copy.ts'
import type {OpDef} from './types.ts'

/** `elements` are those that are kept: the others are not read. */
export type SliceDims = {readonly elements: number}

export const slice: OpDef<'slice', SliceDims> = {
  ...copy,
  kind: 'slice',
  title: 'copies a part of a tensor; the rest is not read',
  examples: [
    {
      dims: {elements: 768},
      flops: 0,
      bytes: 6144,
      source: 'ViT-B/16, class token of one image: 2 × 4 B × 768',
    },
  ],
}
