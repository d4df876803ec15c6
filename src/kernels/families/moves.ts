/** Kernels that move elements: transpose, embedding gather, rotary encoding. */
import {embedding} from '../../analysis/ops/embedding.ts'
import {rope} from '../../analysis/ops/rope.ts'
import {transpose} from '../../analysis/ops/transpose.ts'
import type {Part} from '../program.ts'
import {edges, type KernelDef, one, operator, scattered, streaming} from './types.ts'

const transposePart = ([batch, rows, cols]: readonly number[]): Part =>
  streaming(
    operator(transpose, 'transpose', {batch: batch!, rows: rows!, cols: cols!}, [batch!, rows!, cols!], ['x'], ['y']),
    rows,
  )

const embeddingPart = ([rows, width, vocab]: readonly number[]): Part =>
  streaming(
    operator(
      embedding,
      'embedding',
      {rows: rows!, width: width!, vocab: vocab!},
      [rows!, width!, vocab!],
      ['ids', 'table'],
      ['y'],
      {
        types: {ids: 'i32'},
        values: {ids: (elements) => scattered(elements, vocab!)},
        elements: {table: vocab! * width!},
      },
    ),
    width,
  )

const ropePart = ([batch, seq, heads, kvHeads, headDim]: readonly number[]): Part =>
  streaming(
    operator(
      rope,
      'rope',
      {batch: batch!, seq: seq!, heads: heads!, kvHeads: kvHeads!, headDim: headDim!},
      [batch!, seq!, heads!, kvHeads!, headDim!],
      ['q', 'k', 'table'],
      ['qRotated', 'kRotated'],
    ),
    headDim! / 2,
  )

export const kernels = {
  transpose: {
    id: 'transpose',
    op: 'transpose',
    title: 'transpose of matrices, in blocks',
    dims: ['batch', 'rows', 'cols'],
    sizes: {cache: [1, 256, 192], dram: [1, 4096, 8192]},
    grows: ['batch'],
    check: [2, 37, 53],
    cases: [
      [0, 3, 3],
      [1, 0, 3],
      [3, 1, 1],
      ...edges.flatMap((n) => [
        [2, n, 19],
        [1, 33, n],
      ]),
    ],
    program: (dims) => one('transpose', transposePart(dims)),
  },
  embedding: {
    id: 'embedding',
    op: 'embedding',
    title: 'rows of a table by index',
    dims: ['rows', 'width', 'vocab'],
    sizes: {cache: [64, 768, 64], dram: [16_384, 4096, 16_384]},
    grows: ['rows', 'vocab'],
    check: [9, 133, 31],
    cases: [[0, 5, 3], [1, 1, 1], [40, 3, 7], ...edges.map((width) => [6, width, 50])],
    program: (dims) => one('embedding', embeddingPart(dims)),
  },
  rope: {
    id: 'rope',
    op: 'rope',
    title: 'rotary position encoding of queries and keys',
    dims: ['batch', 'seq', 'heads', 'kvHeads', 'headDim'],
    sizes: {cache: [1, 16, 16, 4, 128], dram: [1, 4096, 32, 32, 128]},
    grows: ['batch'],
    check: [2, 7, 3, 1, 38],
    cases: [[1, 1, 1, 1, 2], [0, 3, 2, 2, 4], ...edges.map((half) => [2, 3, 4, 2, 2 * half])],
    program: (dims) => one('rope', ropePart(dims)),
  },
} as const satisfies Record<string, KernelDef>
