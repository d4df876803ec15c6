/** Graph networks over one whole graph: GCN, GraphSAGE and GAT. Sizes of the graph are the workload's. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {channelBias} from '../ops/channel-bias.ts'
import {channelScale} from '../ops/channel-scale.ts'
import {edgeScores} from '../ops/edge-scores.ts'
import {edgeSoftmax} from '../ops/edge-softmax.ts'
import {elu} from '../ops/elu.ts'
import {headLinear} from '../ops/head-linear.ts'
import {linear} from '../ops/linear.ts'
import {relu} from '../ops/relu.ts'
import {spmm} from '../ops/spmm.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface GnnSpec {
  /** symmetric normalization with self-loops; mean of the neighbours beside the node itself; attention over neighbours */
  readonly kind: 'gcn' | 'graphsage' | 'gat'
  readonly layers: number
  /** channels of the hidden layers: of each head where there are heads */
  readonly hidden: number
  /** attention heads of the hidden layers, concatenated; the last layer has one. 1 but for GAT */
  readonly heads: number
  readonly classes: number
  /** the graph that the model is known for; edges count each direction, self-loops are added where the model has them */
  readonly data: {readonly nodes: number; readonly edges: number; readonly features: number}
}

/**
 * The graph of one full-batch forward pass: layers follow one another, all nodes of a layer run in parallel. A batch of
 * graphs is one graph without edges between its parts.
 */
export function gnn(spec: GnnSpec, work: Pick<ModelWork, 'batch' | 'graph'>): Graph {
  const {nodes: nodesOfOne, edges: edgesOfOne, features} = work.graph ?? spec.data
  const nodes = work.batch * nodesOfOne
  const edges = work.batch * edgesOfOne + (spec.kind === 'graphsage' ? 0 : nodes)
  const b = new GraphBuilder()
  const columns = b.tensor('columns', 'index', edges)
  const starts = b.tensor('rows', 'index', nodes + 1)

  const project = (id: string, x: Tensor, n: number, k: number, bias: boolean): Tensor => {
    const y = b.activation(id, nodes * n)
    const inputs = [x, b.weight(`${id}.weight`, k * n)]
    if (bias) inputs.push(b.weight(`${id}.bias`, n))
    b.add(linear, id, {m: nodes, n, k, bias}, inputs, [y])
    return y
  }
  const gather = (id: string, x: Tensor, channels: number, heads: number, weights: Tensor | null): Tensor => {
    const y = b.activation(id, nodes * heads * channels)
    const dims = {nodes, edges, features: channels, heads, weighted: weights !== null}
    b.add(spmm, id, dims, [x, columns, starts, ...(weights ? [weights] : [])], [y])
    return y
  }
  const addBias = (id: string, x: Tensor, width: number): Tensor => {
    const y = b.activation(id, nodes * width)
    b.add(channelBias, id, {rows: nodes, width}, [x, b.weight(`${id}.bias`, width)], [y])
    return y
  }

  /** Symmetric normalization comes as one weight per edge, made once for the graph. */
  const normalization = spec.kind === 'gcn' ? b.tensor('normalized adjacency', 'constant', edges) : null
  const degrees = spec.kind === 'graphsage' ? b.tensor('1 / degree', 'constant', nodes) : null

  const gcn = (id: string, x: Tensor, k: number, n: number): Tensor =>
    addBias(`${id}.bias`, gather(`${id}.aggregate`, project(`${id}.transform`, x, n, k, false), n, 1, normalization), n)

  const sage = (id: string, x: Tensor, k: number, n: number): Tensor => {
    const mean = b.activation(`${id}.mean`, nodes * k)
    const sum = gather(`${id}.aggregate`, x, k, 1, null)
    b.add(channelScale, `${id}.mean`, {batch: 1, channels: nodes, positions: k}, [sum, degrees!], [mean])
    const [own, others] = [project(`${id}.self`, x, n, k, false), project(`${id}.neighbours`, mean, n, k, true)]
    const y = b.activation(`${id}.sum`, nodes * n)
    b.add(add, `${id}.sum`, {elements: nodes * n}, [own, others], [y])
    return y
  }

  const gat = (id: string, x: Tensor, k: number, n: number, heads: number): Tensor => {
    const h = project(`${id}.transform`, x, heads * n, k, false)
    const score = (name: string): Tensor => {
      const y = b.activation(name, nodes * heads)
      const weights = b.weight(`${id}.${name}.weight`, heads * n)
      b.add(headLinear, `${id}.${name}`, {rows: nodes, heads, n: 1, k: n, carried: 0}, [h, weights], [y])
      return y
    }
    const [source, target] = [score('source'), score('target')]
    const scores = b.activation('edge scores', edges * heads)
    const targets = b.tensor('targets', 'index', edges)
    const dims = {nodes, edges, heads}
    b.add(edgeScores, `${id}.scores`, dims, [source, target, columns, targets], [scores])
    const weights = b.activation('edge weights', edges * heads)
    b.add(edgeSoftmax, `${id}.softmax`, dims, [scores, starts], [weights])
    return addBias(`${id}.bias`, gather(`${id}.aggregate`, h, n, heads, weights), heads * n)
  }

  let x = b.tensor('features', 'constant', nodes * features)
  let width = features
  for (let layer = 1; layer <= spec.layers; layer++) {
    const id = `layers.${layer}`
    const last = layer === spec.layers
    const heads = last ? 1 : spec.heads
    const n = last ? spec.classes : spec.hidden
    const y =
      spec.kind === 'gat'
        ? gat(id, x, width, n, heads)
        : spec.kind === 'gcn'
          ? gcn(id, x, width, n)
          : sage(id, x, width, n)
    width = heads * n
    if (last) break
    const act = b.activation(`${id}.act`, nodes * width)
    b.add(spec.kind === 'gat' ? elu : relu, `${id}.act`, {elements: nodes * width}, [y], [act])
    x = act
  }
  return b.graph()
}

export const gnnArchitecture: Architecture<GnnSpec> = {
  graph: gnn,
  traits: ({data}) => ({generates: false, positions: null, shards: {}, graph: data}),
}
