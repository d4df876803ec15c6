/** Random graphs of row-wise, elementwise and matrix operators on tensors of one shape, in any wiring. */
import fc from 'fast-check'
import {type Graph, GraphBuilder, type Tensor} from '../../../src/analysis/graph.ts'
import {ops} from '../../../src/analysis/ops/index.ts'

const ROWS = 3
const WIDTH = 4

interface Step {
  kind: 'relu' | 'gelu' | 'add' | 'mul' | 'linear' | 'rmsnorm' | 'softmax' | 'wide'
  a: number
  b: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('relu', 'gelu', 'add', 'mul', 'linear', 'rmsnorm', 'softmax', 'wide'),
  a: fc.nat(1000),
  b: fc.nat(1000),
})

function build(steps: readonly Step[]): Graph {
  const g = new GraphBuilder()
  const elements = ROWS * WIDTH
  const made: Tensor[] = [g.activation('source', elements)]
  const ids = g.tensor('ids', 'index', ROWS)
  g.add(ops.embedding, 'embed', {rows: ROWS, width: WIDTH, vocab: 9}, [ids, g.weight('table', 9 * WIDTH)], [made[0]!])
  steps.forEach(({kind, a, b}, i) => {
    const [x, y] = [made[a % made.length]!, made[b % made.length]!]
    const out = g.activation(`t${i}`, elements)
    const id = `op${i}`
    if (kind === 'relu' || kind === 'gelu') g.add(ops[kind], id, {elements}, [x], [out])
    else if (kind === 'add' || kind === 'mul') g.add(ops[kind], id, {elements}, [x, y], [out])
    else if (kind === 'softmax') g.add(ops.softmax, id, {rows: ROWS, cols: WIDTH, kept: elements}, [x], [out])
    else if (kind === 'rmsnorm')
      g.add(ops.rmsnorm, id, {rows: ROWS, width: WIDTH}, [x, g.weight(`g${i}`, WIDTH)], [out])
    else if (kind === 'linear')
      g.add(ops.linear, id, {m: ROWS, n: WIDTH, k: WIDTH, bias: false}, [x, g.weight(`w${i}`, WIDTH ** 2)], [out])
    else {
      // one product that writes two tensors, as a QKV product does
      const other = g.activation(`u${i}`, elements)
      const weight = g.weight(`w${i}`, 2 * WIDTH ** 2)
      g.add(ops.linear, id, {m: ROWS, n: 2 * WIDTH, k: WIDTH, bias: false}, [x, weight], [out, other])
      made.push(other)
    }
    made.push(out)
  })
  return Object.assign(g.graph(), {[fc.toStringMethod]: () => JSON.stringify(steps)})
}

export const anyOperators: fc.Arbitrary<Graph> = fc.array(step, {minLength: 1, maxLength: 14}).map(build)
