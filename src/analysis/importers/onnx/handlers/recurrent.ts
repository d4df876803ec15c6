/** Recurrent layers. */
import type {Handler, Handlers} from '../call.ts'
import {Mistake, product} from '../values.ts'

/** LSTM, GRU and RNN: X [seq, batch, input], W [directions, gates·hidden, input], R, B, lengths, initial states. */
const recurrent =
  (kind: 'lstm' | 'gru' | 'rnn', gates: number): Handler =>
  (call) => {
    const [x, w, r] = [call.shape(0), call.shape(1), call.shape(2)]
    const layout = call.int('layout', 0)
    const hidden = call.int('hidden_size', r[2] ?? 0)
    const [seq, batch] = layout === 0 ? [x[0] ?? 0, x[1] ?? 0] : [x[1] ?? 0, x[0] ?? 0]
    const [directions, input] = [w[0] ?? 1, x[2] ?? 0]
    if (
      w.length !== 3 ||
      r.length !== 3 ||
      w[1] !== gates * hidden ||
      w[2] !== input ||
      r[2] !== hidden ||
      directions > 2
    )
      throw new Mistake(`input [${x}], weights [${w}] and [${r}], ${hidden} channels`)
    const wide = layout === 0 ? [seq, directions, batch, hidden] : [batch, seq, directions, hidden]
    const end = layout === 0 ? [directions, batch, hidden] : [batch, directions, hidden]
    const {type} = call.value(0)
    const outputs = [call.make(wide, type), call.make(end, type, null, 1)]
    if (kind === 'lstm') outputs.push(call.make(end, type, null, 2))
    if (product(wide) * input === 0) return outputs
    const biases = call.has(3) ? 2 : 0
    const inputs = [call.value(0), call.value(1), call.value(2), ...(biases ? [call.value(3)] : [])]
    // both directions are one operator each; states that are not given start as zeros
    const states = [call.inputs[5], ...(kind === 'lstm' ? [call.inputs[6]] : [])]
    for (const state of states) inputs.push(state ?? call.around.fresh('zeros', type, end, null, 'shape'))
    call.emit(kind, {batch, seq, input, hidden, biases}, inputs, outputs, directions === 2 ? 'forward' : '')
    if (directions === 2) call.emit(kind, {batch, seq, input, hidden, biases}, inputs, outputs, 'backward')
    return outputs
  }

export const recurrents: Handlers = {
  LSTM: recurrent('lstm', 4),
  GRU: recurrent('gru', 3),
  RNN: recurrent('rnn', 1),
}
