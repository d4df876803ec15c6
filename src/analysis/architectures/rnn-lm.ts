/** Recurrent language models: embedding, a stack of recurrent layers, LM head. The state takes the place of a KV cache. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {embedding} from '../ops/embedding.ts'
import {gru} from '../ops/gru.ts'
import {linear} from '../ops/linear.ts'
import {lstm} from '../ops/lstm.ts'
import {rnn} from '../ops/rnn.ts'
import {UNBOUNDED} from './parts/unbounded.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface RnnLmSpec {
  readonly cell: 'rnn' | 'lstm' | 'gru'
  readonly layers: number
  /** width of the embedding */
  readonly embedding: number
  readonly hidden: number
  readonly vocab: number
  /** bias vectors per gate: 1, or 2 as PyTorch and cuDNN keep them */
  readonly biases: number
  /** the LM head shares the token table; then `embedding` = `hidden` */
  readonly tied: boolean
}

const cells = {
  rnn: {op: rnn, gates: 1, states: 1},
  lstm: {op: lstm, gates: 4, states: 2},
  gru: {op: gru, gates: 3, states: 1},
} as const

/**
 * The graph of one pass over `seq` tokens, which follow one another: within a layer no two steps run in parallel. What
 * came before, however long, is the state.
 */
export function rnnLm(spec: RnnLmSpec, {batch, seq, logits}: Pick<ModelWork, 'batch' | 'seq' | 'logits'>): Graph {
  const {layers, hidden, vocab, biases} = spec
  const {op, gates, states} = cells[spec.cell]
  const b = new GraphBuilder()
  const rows = batch * seq
  const table = b.weight('embed.table', vocab * spec.embedding)
  let x = b.activation('x', rows * spec.embedding)
  const ids = b.tensor('token ids', 'index', rows)
  b.add(embedding, 'embed', {rows, width: spec.embedding, vocab}, [ids, table], [x])

  const recurrent = (id: string, width: number, repeat: number): void => {
    const dims = {batch, seq, input: width, hidden, biases}
    const inputs: Tensor[] = [
      x,
      b.weight(`${id}.w`, gates * hidden * width, repeat),
      b.weight(`${id}.u`, gates * hidden * hidden, repeat),
    ]
    if (biases > 0) inputs.push(b.weight(`${id}.biases`, biases * gates * hidden, repeat))
    const held = ['h', 'c'].slice(0, states).map((name) => b.tensor(`${id} ${name}`, 'kv', batch * hidden, repeat))
    const y = b.activation(`${id} output`, rows * hidden)
    b.add(op, id, dims, [...inputs, ...held], [y, ...held], repeat)
    x = y
  }
  // the first layer may be of another width
  if (spec.embedding === hidden) recurrent(`layers.${spec.cell}`, hidden, layers)
  else {
    recurrent(`layers.first.${spec.cell}`, spec.embedding, 1)
    if (layers > 1) recurrent(`layers.${spec.cell}`, hidden, layers - 1)
  }

  const m = logits === 'all' ? rows : batch
  const head = spec.tied ? table : b.weight('lm_head.weight', vocab * hidden)
  const inputs = [x, head, b.weight('lm_head.bias', vocab)]
  b.add(linear, 'lm_head', {m, n: vocab, k: hidden, bias: true}, inputs, [b.activation('logits', m * vocab)])
  return b.graph()
}

export const rnnLmArchitecture: Architecture<RnnLmSpec> = {
  graph: rnnLm,
  traits: () => ({
    generates: true,
    positions: UNBOUNDED,
    constantState: true,
    shards: {},
    assumptions: [
      'a recurrent layer takes its tokens in sequential steps, no two of them in parallel: its time is at least steps × one step, which starts a kernel (where the launch overhead is known) and reads the recurrent weights again through every cache that cannot hold them (where its size is known)',
      'traffic counts recurrent weights once per sequence; the time without overlap reads them from memory in every step',
    ],
  }),
}
