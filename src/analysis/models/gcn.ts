import type {ModelOf} from './types.ts'

export const gcn: ModelOf<'gnn'> = {
  id: 'gcn',
  name: 'GCN on Cora',
  source:
    'Kipf & Welling 2017 (arXiv:1609.02907) §5.2: 2 layers, 16 hidden units; Cora: table 1, each of 5,278 links both ways',
  architecture: 'gnn',
  dtype: 'f32',
  published: {parameters: 23_063, source: 'PyTorch Geometric, examples/gcn.py: GCN(1433, 16, 7) with biases'},
  spec: {
    kind: 'gcn',
    layers: 2,
    hidden: 16,
    heads: 1,
    classes: 7,
    data: {nodes: 2708, edges: 10_556, features: 1433},
  },
}
