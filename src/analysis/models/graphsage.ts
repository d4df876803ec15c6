import type {ModelOf} from './types.ts'

export const graphsage: ModelOf<'gnn'> = {
  id: 'graphsage',
  name: 'GraphSAGE on ogbn-products',
  source:
    'Hamilton et al. 2017 (arXiv:1706.02216); Open Graph Benchmark (arXiv:2005.00687) §4.1: 3 layers of 256; 61,859,140 links, each both ways',
  architecture: 'gnn',
  dtype: 'f32',
  published: {
    parameters: 206_895,
    source: 'Open Graph Benchmark, leaderboard of ogbn-products: GraphSAGE, 206,895 parameters',
  },
  spec: {
    kind: 'graphsage',
    layers: 3,
    hidden: 256,
    heads: 1,
    classes: 47,
    data: {nodes: 2_449_029, edges: 123_718_280, features: 100},
  },
}
