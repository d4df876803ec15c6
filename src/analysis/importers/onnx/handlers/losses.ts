/** Losses of training graphs: scores [batch, classes, …] against the number of a class each. */
import type {Call, Handler, Handlers} from '../call.ts'
import {Mistake, product, type Value} from '../values.ts'

/** One loss per position, or their sum or mean. */
function folded(call: Call, losses: Value): Value {
  const reduction = call.text('reduction', 'mean')
  if (reduction === 'none' || !losses.shape) return losses
  const output = call.make([], losses.type)
  const elements = product(losses.shape)
  const finals = reduction === 'mean' ? 1 : 0
  const dims = {elements, outputs: 1, operations: 1, finals, special: 0, linear: true}
  if (elements > 0) call.emit('reduce', dims, [losses], [output], 'fold')
  return output
}

/** @param scored scores are logits: their softmax is part of the loss; else they are logarithms that are looked up */
const loss =
  (scored: boolean): Handler =>
  (call) => {
    const [scores, classes] = [call.value(0), call.value(1)]
    const shape = call.shape(0)
    if (shape.length < 2) throw new Mistake(`scores [${shape}]`)
    const count = shape[1]!
    const at = [shape[0]!, ...shape.slice(2)]
    const rows = product(at)
    const losses = call.make(at, scores.type, null, 2)
    if (rows * count > 0) {
      if (scored) call.emit('cross-entropy', {rows, classes: count}, [scores, classes], [losses])
      else {
        const dims = {elements: rows, read: 2 * rows, operations: 0, special: 0, linear: true}
        const picked = call.view(scores, [rows])
        call.emit('pointwise', dims, [picked, classes], [losses])
      }
    }
    return [folded(call, losses), call.make(shape, scores.type, null, 1)]
  }

export const losses: Handlers = {SoftmaxCrossEntropyLoss: loss(true), NegativeLogLikelihoodLoss: loss(false)}
