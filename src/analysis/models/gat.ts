import type {ModelOf} from './types.ts'

export const gat: ModelOf<'gnn'> = {
  id: 'gat',
  name: 'GAT on Cora',
  source:
    'Veličković et al. 2018 (arXiv:1710.10903) §3.3: 2 layers, 8 heads of 8 channels, then one head; Cora as in GCN',
  architecture: 'gnn',
  dtype: 'f32',
  published: {
    parameters: 92_373,
    source: 'PyTorch Geometric, examples/gat.py: GATConv(1433, 8, heads=8), GATConv(64, 7)',
  },
  spec: {
    kind: 'gat',
    layers: 2,
    hidden: 8,
    heads: 8,
    classes: 7,
    data: {nodes: 2708, edges: 10_556, features: 1433},
  },
}
