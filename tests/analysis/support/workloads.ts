/** Workloads and random transformers for the tests of graphs, passes and evaluation. */
import fc from 'fast-check'
import {type TransformerSpec, transformer} from '../../../src/analysis/architectures/transformer.ts'
import type {ModelWork} from '../../../src/analysis/architectures/types.ts'
import type {ComputeDType} from '../../../src/analysis/dtype.ts'
import {bytesOf} from '../../../src/analysis/dtype.ts'
import type {Graph, Node} from '../../../src/analysis/graph.ts'
import {type ModelDef, traitsOf} from '../../../src/analysis/models/types.ts'

/** One sequence of `seq` new tokens, everything else at its default. */
export const tokens = (seq: number, more: Partial<ModelWork> = {}): ModelWork => ({
  batch: 1,
  seq,
  context: 0,
  logits: 'last',
  tp: 1,
  image: null,
  srcSeq: null,
  graph: null,
  ...more,
})

/** What a model sees when nothing but `seq` is said: its own image, source and graph sizes. */
export function standard(model: ModelDef, seq: number, more: Partial<ModelWork> = {}): ModelWork {
  const {image = null, srcSeq = null, graph = null} = traitsOf(model)
  return tokens(seq, {image, srcSeq, graph, ...more})
}

/** The node of that id; a test that asks for another has a mistake of its own. */
export function nodeOf(graph: Graph, id: string): Node {
  const node = graph.nodes.find((n) => n.id === id)
  if (!node) throw new Error(`no node ${id} among ${graph.nodes.map((n) => n.id).join(' ')}`)
  return node
}

/** A sum over all instances of all operators. */
export const total = (graph: Graph, pick: (node: Node) => number): number =>
  graph.nodes.reduce((sum, node) => sum + pick(node) * node.repeat, 0)

/** Compulsory bytes of all instances, one type for everything (indices are i64). */
export const bytesIn = (graph: Graph, dtype: ComputeDType): number =>
  total(graph, ({cost}) =>
    [...cost.reads, ...cost.writes].reduce(
      (sum, use) => sum + bytesOf(use.elements, use.role === 'index' ? 'i64' : dtype),
      0,
    ),
  )

/** What a model may be asked: only what generates has a context, only what sees a sequence has its length. */
export const workloads = (model: ModelDef): ModelWork[] => {
  const {generates, positions} = traitsOf(model)
  const contexts = generates ? [0, 1, 2048] : [0]
  const lengths = positions === null ? [1] : [1, 7, 128]
  return contexts.flatMap((context) =>
    lengths.flatMap((seq) =>
      [1, 3].flatMap((batch) =>
        (generates ? (['last', 'all'] as const) : (['last'] as const)).map((logits) =>
          standard(model, seq, {batch, context, logits}),
        ),
      ),
    ),
  )
}

/** Any small dense transformer that the architecture can express. */
export const anySpec: fc.Arbitrary<TransformerSpec> = fc
  .record({
    layers: fc.integer({min: 1, max: 3}),
    hidden: fc.integer({min: 1, max: 24}),
    group: fc.integer({min: 1, max: 3}),
    kvHeads: fc.integer({min: 1, max: 3}),
    headDim: fc.integer({min: 1, max: 4}).map((n) => 2 * n),
    ffn: fc.integer({min: 1, max: 48}),
    vocab: fc.integer({min: 1, max: 100}),
    positions: fc.integer({min: 1, max: 64}),
    causal: fc.boolean(),
    norm: fc.constantFrom('layernorm' as const, 'rmsnorm' as const),
    normPlacement: fc.constantFrom('pre' as const, 'post' as const),
    positionEncoding: fc.constantFrom('learned' as const, 'rope' as const),
    activation: fc.constantFrom('gelu' as const, 'gelu-tanh' as const, 'relu' as const, 'silu' as const),
    gated: fc.boolean(),
    bias: fc.record({qkv: fc.boolean(), out: fc.boolean(), mlp: fc.boolean()}),
    tied: fc.boolean(),
    lmHead: fc.boolean(),
    tokenTypes: fc.integer({min: 0, max: 2}),
    embeddingNorm: fc.boolean(),
    pooler: fc.boolean(),
  })
  .map(({group, ...spec}) => ({...spec, heads: group * spec.kvHeads}))

/** A random transformer under a random workload. */
export const anyGraph: fc.Arbitrary<Graph> = fc
  .tuple(
    anySpec,
    fc.record({
      batch: fc.integer({min: 1, max: 3}),
      seq: fc.integer({min: 1, max: 9}),
      context: fc.integer({min: 0, max: 9}),
      logits: fc.constantFrom('last' as const, 'all' as const),
    }),
  )
  .map(([spec, work]) => {
    const graph = transformer(spec, {...work, tp: 1, context: spec.causal ? work.context : 0})
    // a counterexample prints what it was made from, not its thousand numbers
    return {...graph, [fc.toStringMethod]: () => JSON.stringify([spec, work])}
  })
