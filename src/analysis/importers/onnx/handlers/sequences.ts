/** Sequences of tensors whose number is known: they are followed, and nothing moves until they are joined. */
import type {Call, Handler, Handlers} from '../call.ts'
import {axisOf, Mistake, product, Unshaped, type Value} from '../values.ts'
import {concat, split} from './moves.ts'

const INT64 = 7
/** A sequence that grows in every operator would grow without end. */
const LONGEST = 4096

/** The tensors of a sequence. @throws Unshaped where their number depends on data */
function itemsOf(call: Call, i: number): readonly Value[] {
  const {items} = call.value(i)
  if (!items) throw new Unshaped()
  return items
}

function sequence(call: Call, items: readonly Value[]): Value {
  if (items.length > LONGEST)
    throw new Mistake(`a sequence of ${items.length} tensors; at most ${LONGEST} are followed`)
  return {...call.make(null, items[0]?.type ?? 1), items}
}

/** A position in a sequence, from the end where it is negative. */
function position(call: Call, i: number, count: number, standard: number): number {
  const at = call.has(i) ? call.data(i)[0]! : standard
  return axisOf(at, count)
}

const construct: Handler = (call) => [
  sequence(
    call,
    call.inputs.filter((value) => value !== null),
  ),
]

const at: Handler = (call) => {
  const items = itemsOf(call, 0)
  const item = items[position(call, 1, items.length, 0)]
  if (!item) throw new Mistake('takes a tensor of an empty sequence')
  return [item]
}

const insert: Handler = (call) => {
  const items = itemsOf(call, 0)
  return [sequence(call, items.toSpliced(position(call, 2, items.length + 1, items.length), 0, call.value(1)))]
}

const erase: Handler = (call) => {
  const items = itemsOf(call, 0)
  return [sequence(call, items.toSpliced(position(call, 1, items.length, items.length - 1), 1))]
}

const count: Handler = (call) => [call.make([], INT64, [itemsOf(call, 0).length])]

/** Parts along an axis: each as long as stated, or 1 with the axis taken away. */
const splitTo: Handler = (call) => {
  const shape = call.shape(0)
  const axis = call.axis('axis', 0, shape.length)
  const all = shape[axis] ?? 0
  const stated = call.has(1) ? call.data(1) : [1]
  const scalar = !call.has(1) || call.shape(1).length === 0
  const each = stated[0] ?? 0
  if (scalar && !(each >= 1)) throw new Mistake(`parts of ${each}`)
  const parts = scalar ? Math.ceil(all / each) : stated.length
  if (parts > LONGEST) throw new Mistake(`splits into ${parts} parts; at most ${LONGEST} are followed`)
  const sizes = scalar ? Array.from({length: parts}, (_, i) => Math.min(each, all - i * each)) : stated
  const pieces = split(call, axis, sizes)
  const drop = !call.has(1) && call.int('keepdims', 1) === 0
  const items = drop
    ? pieces.map((piece) =>
        call.view(
          piece,
          shape.filter((_, i) => i !== axis),
        ),
      )
    : pieces
  return [sequence(call, items)]
}

/** Joined along an axis, or stacked along a new one. */
const join: Handler = (call) => {
  const items = itemsOf(call, 0)
  const rank = items[0]?.shape?.length
  if (rank === undefined) throw new Unshaped()
  if (call.int('new_axis', 0) === 0) return [concat(call, items, axisOf(call.int('axis', 0), rank))]
  const axis = axisOf(call.int('axis', 0), rank + 1)
  const stacked = items.map((item) => {
    if (!item.shape) throw new Unshaped()
    return call.view(item, item.shape.toSpliced(axis, 0, 1))
  })
  if (stacked.some(({shape}) => product(shape!) !== product(stacked[0]!.shape!)))
    throw new Mistake('stacks different sizes')
  return [concat(call, stacked, axis)]
}

export const sequences: Handlers = {
  SequenceEmpty: (call) => [sequence(call, [])],
  SequenceConstruct: construct,
  SequenceAt: at,
  SequenceInsert: insert,
  SequenceErase: erase,
  SequenceLength: count,
  SplitToSequence: splitTo,
  ConcatFromSequence: join,
}
