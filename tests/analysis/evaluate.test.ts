import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {transformer} from '../../src/analysis/architectures/transformer.ts'
import {bytesOf, type ComputeDType, dtypes} from '../../src/analysis/dtype.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {type Evaluation, evaluate} from '../../src/analysis/evaluate.ts'
import {type Graph, GraphBuilder, parameterCount} from '../../src/analysis/graph.ts'
import {activationsOf} from '../../src/analysis/memory.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph} from '../../src/analysis/models/types.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {applyFusion, type Fusion, fusions} from '../../src/analysis/passes/index.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'
import {resolveWorkload, type WorkloadOptions} from '../../src/analysis/workload.ts'
import {failure} from './support/failure.ts'
import {anyOperators} from './support/graphs.ts'
import {bandwidth, cpu, gpu, launch, machineOf, peak} from './support/machines.ts'
import {anyGraph, nodeOf, tokens} from './support/workloads.ts'

const same = (type: ComputeDType) => ({dtype: {weights: type, activations: type, kv: type}})
const anyType = fc.constantFrom(...dtypes)
const anyDTypes = fc.record({weights: anyType, activations: anyType, kv: anyType}).map((dtype) => ({dtype}))
const anyFused = fc
  .tuple(anyGraph, fc.constantFrom(...(Object.keys(fusions) as Fusion[])))
  .map(([graph, fusion]) => applyFusion(graph, fusion))
const anyMachine = fc.constantFrom(gpu, cpu)
const anyLaunch = fc.constantFrom(undefined, 0, 1e-6)

/** A graph of one operator. */
function one(add: (b: GraphBuilder) => void): Graph {
  const b = new GraphBuilder()
  add(b)
  return b.graph()
}

/** [m, k] · [k, n] with weights. */
const product = (m: number, n: number, k: number) =>
  one((b) =>
    b.add(
      ops.linear,
      'product',
      {m, n, k, bias: false},
      [b.tensor('x', 'constant', m * k), b.weight('w', k * n)],
      [b.activation('y', m * n)],
    ),
  )

const elementwise = (kind: 'relu' | 'gelu', elements: number) =>
  one((b) => b.add(ops[kind], kind, {elements}, [b.tensor('x', 'constant', elements)], [b.activation('y', elements)]))

describe('an operator under the roof', () => {
  it('is bound by bandwidth left of the ridge, by compute right of it', () => {
    // bf16 on gpu: ridge 100 FLOP/B. A product of m rows by a square matrix has nearly m FLOP/B
    const left = evaluate(product(8, 4096, 4096), prepareRoof(gpu), same('bf16')).operators[0]!
    const bytes = 2 * (8 * 4096 * 2 + 4096 ** 2)
    expect(left.bound).toBe('dram')
    expect(left.bytes).toEqual({DRAM: bytes})
    expect(left.time.lower).toBeCloseTo(bytes / 1e12, 15)
    expect(left.time.upper).toBeCloseTo(bytes / 1e12 + (2 * 8 * 4096 ** 2) / 100e12, 15)
    const right = evaluate(product(4096, 4096, 4096), prepareRoof(gpu), same('bf16')).operators[0]!
    expect(right.bound).toBe('matrix-bf16')
    expect(right.time.lower).toBeCloseTo((2 * 4096 ** 3) / 100e12, 15)
    expect(right.intensity).toBeCloseTo((2 * 4096 ** 3) / (2 * 3 * 4096 ** 2), 9)
  })

  it('has the time of a copy where it has no FLOPs', () => {
    const graph = one((b) =>
      b.add(
        ops['kv-read'],
        'gather',
        {batch: 1, cached: 1000, kvHeads: 1, headDim: 100},
        [b.tensor('k', 'kv', 1e5), b.tensor('v', 'kv', 1e5)],
        [b.activation('k copy', 1e5), b.activation('v copy', 1e5)],
      ),
    )
    const [copy] = evaluate(graph, prepareRoof(gpu), same('f16')).operators
    expect(copy).toMatchObject({flops: 0, intensity: 0, bound: 'dram'})
    expect(copy!.time.lower).toBeCloseTo((4 * 1e5 * 2) / 1e12, 18)
  })

  it('computes on the vector units what is no product', () => {
    const [gelu] = evaluate(elementwise('gelu', 1e6), prepareRoof(gpu), same('bf16')).operators
    expect(gelu!.computes).toBe('f32')
    expect(gelu!.time.upper).toBeCloseTo(4e6 / 1e12 + 5e6 / 10e12, 15)
  })

  it('adds both kinds of work where one set of units does both', () => {
    const graph = one((b) =>
      b.add(
        ops.linear,
        'biased',
        {m: 100, n: 100, k: 100, bias: true},
        [b.tensor('x', 'constant', 1e4), b.weight('w', 1e4), b.weight('b', 100)],
        [b.activation('y', 1e4)],
      ),
    )
    const [op] = evaluate(
      graph,
      prepareRoof(machineOf([peak('f32', 'vector', 1e12), bandwidth('DRAM', 1e15)])),
      same('f32'),
    ).operators
    expect(op!.time.lower).toBeCloseTo((2e6 + 1e4) / 1e12, 15)
    expect(op!.bound).toBe('vector-f32')
  })

  it('is bound by the slowest level of a hierarchy; all bytes pass all levels', () => {
    const [relu] = evaluate(elementwise('relu', 1e6), prepareRoof(cpu), same('f32')).operators
    expect(relu!.bytes).toEqual({DRAM: 8e6, L3: 8e6, L1: 8e6})
    expect(relu!.bound).toBe('dram')
    expect(relu!.time.lower).toBeCloseTo(8e6 / 0.1e12, 15)
    const inside = machineOf([peak('f32', 'vector', 1e12), bandwidth('DRAM', 5e12), bandwidth('L1', 1e12)])
    expect(evaluate(elementwise('relu', 1e6), prepareRoof(inside), same('f32')).operators[0]!.bound).toBe('l1')
  })

  it('is bound by its launch where that takes longest', () => {
    const small = elementwise('relu', 10)
    const stated = machineOf([...gpu.ceilings, launch(5e-6)])
    expect(evaluate(small, prepareRoof(gpu), same('f32')).operators[0]!.bound).toBe('dram')
    for (const roof of [prepareRoof(stated), prepareRoof(gpu, 5e-6), prepareRoof(stated, 5e-6)]) {
      const [op] = evaluate(small, roof, same('f32')).operators
      expect(op!.bound).toBe('latency')
      expect(op!.time.lower).toBe(5e-6)
    }
    // what the user gives wins over what the machine states, zero included
    expect(evaluate(small, prepareRoof(stated, 0), same('f32')).operators[0]!.bound).toBe('dram')
  })

  it('gives each tensor the type of its role', () => {
    const graph = transformer(models['llama-3-8b'].spec, tokens(1, {context: 5}))
    const dtype = {weights: 'int4', activations: 'bf16', kv: 'fp8'} as const
    const operators = evaluate(graph, prepareRoof(gpu), {dtype}).operators
    const scores = operators.find((op) => op.id === 'layers.attn.scores')!
    expect(scores.reads.map((use) => use.dtype)).toEqual(['bf16', 'bf16', 'fp8'])
    expect(scores.reads[2]!.bytes).toBe(5 * 8 * 128)
    const up = operators.find((op) => op.id === 'layers.mlp.up')!
    expect(up.reads[1]).toMatchObject({role: 'weight', dtype: 'int4', bytes: (4096 * 14_336) / 2})
    // products of narrow weights compute in the activations' type
    expect(up.computes).toBe('bf16')
    const embed = operators.find((op) => op.id === 'embed')!
    expect(embed.reads[0]).toMatchObject({dtype: 'i64', bytes: 8})
    const write = operators.find((op) => op.id === 'layers.attn.kv-write')!
    expect(write.writes.map((use) => [use.dtype, use.bytes])).toEqual([
      ['fp8', 1024],
      ['fp8', 1024],
    ])
  })
})

describe('every evaluation', () => {
  const anything = fc.tuple(anyFused, anyMachine, anyLaunch, anyDTypes)
  const each = (law: (e: Evaluation) => void) =>
    fc.assert(
      fc.property(anything, ([graph, machine, overhead, work]) => {
        law(evaluate(graph, prepareRoof(machine, overhead), work))
      }),
    )

  it('has lower ≤ upper, shares that sum to 1, sums over instances', () => {
    each((e) => {
      const sum = (pick: (op: Evaluation['operators'][number]) => number) =>
        e.operators.reduce((s, op) => s + pick(op) * op.repeat, 0)
      for (const op of e.operators) expect(op.time.lower).toBeLessThanOrEqual(op.time.upper)
      expect(e.time.lower).toBeLessThanOrEqual(e.time.upper)
      expect(e.operators.reduce((s, op) => s + op.share, 0)).toBeCloseTo(1, 9)
      for (const count of ['macs', 'flops', 'executedFlops', 'special'] as const)
        expect(e[count], count).toBe(sum((op) => op[count]))
      for (const level of Object.keys(e.bytes)) expect(e.bytes[level]).toBe(sum((op) => op.bytes[level]!))
      expect(e.time.lower).toBeCloseTo(
        sum((op) => op.time.lower),
        15,
      )
      expect(e.time.upper).toBeCloseTo(
        sum((op) => op.time.upper),
        15,
      )
      expect(e.intensity).toBe(e.flops / e.bytes.DRAM!)
      expect(e.time).toMatchObject({predicted: null, reason: 'uncalibrated'})
    })
  })

  it.each([
    {name: 'tensor cores', machine: gpu, type: 'bf16', matrix: 'matrix-bf16', vector: 'vector-f32'},
    {name: 'one set of units', machine: cpu, type: 'f32', matrix: 'vector-f32', vector: 'vector-f32'},
    {name: 'units of a wider type', machine: gpu, type: 'f32', matrix: 'vector-f32', vector: 'vector-f32'},
  ] as const)('names the ceiling that the lower bound comes from: $name', ({machine, type, matrix, vector}) => {
    const rate = (id: string) => machine.ceilings.find((c) => c.id === id)!.value
    fc.assert(
      fc.property(anyFused, anyLaunch, (graph, overhead) => {
        for (const op of evaluate(graph, prepareRoof(machine, overhead), same(type)).operators) {
          const {cost} = nodeOf(graph, op.id)
          const terms: Record<string, number> = {latency: overhead ?? 0}
          for (const c of machine.ceilings) if (c.kind === 'bandwidth') terms[c.id] = op.bytes[c.level!]! / c.value
          terms[vector] = cost.vector / rate(vector)
          terms[matrix] = (cost.matrix + (matrix === vector ? cost.vector : 0)) / rate(matrix)
          expect(op.time.lower).toBeCloseTo(Math.max(...Object.values(terms)), 18)
          expect(op.time.upper).toBeCloseTo(
            Object.values(terms).reduce((sum, seconds) => sum + seconds, 0),
            18,
          )
          expect(terms[op.bound!]).toBe(op.time.lower)
        }
      }),
    )
  })

  it('sums the bytes of its tensors, and each is its elements in its type', () => {
    each((e) => {
      for (const op of e.operators) {
        const uses = [...op.reads, ...op.writes]
        for (const use of uses) expect(use.bytes).toBe(bytesOf(use.elements, use.dtype))
        expect(op.bytes.DRAM).toBe(uses.reduce((sum, use) => sum + use.bytes, 0))
      }
    })
  })

  it('is bound in total by the ceiling that binds for most of the time', () => {
    each((e) => {
      const seconds: Record<string, number> = {}
      for (const op of e.operators)
        if (op.bound) seconds[op.bound] = (seconds[op.bound] ?? 0) + op.time.lower * op.repeat
      expect(seconds[e.bound!]).toBeCloseTo(Math.max(...Object.values(seconds)), 18)
    })
    // two short operators bound by memory against one longer one bound by arithmetic, in either order
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
    ]) {
      const b = new GraphBuilder()
      const square = (size: number) => b.tensor('x', 'constant', size ** 2)
      const add = [
        () => b.add(ops.relu, 'a', {elements: 4e6}, [square(2000)], [b.activation('y', 4e6)]),
        () => b.add(ops.relu, 'b', {elements: 4e6}, [square(2000)], [b.activation('y', 4e6)]),
        () => {
          const dims = {m: 1000, n: 1000, k: 1000, bias: false}
          b.add(ops.linear, 'c', dims, [square(1000), b.weight('w', 1e6)], [b.activation('z', 1e6)])
        },
      ]
      for (const i of order) add[i]!()
      const e = evaluate(b.graph(), prepareRoof(gpu), same('bf16'))
      const [relu, product] = ['a', 'c'].map((id) => e.operators.find((op) => op.id === id)!)
      // 16 µs each against 20 µs
      expect(relu!.time.lower).toBeLessThan(product!.time.lower)
      expect(2 * relu!.time.lower).toBeGreaterThan(product!.time.lower)
      expect([relu!.bound, product!.bound, e.bound]).toEqual(['dram', 'matrix-bf16', 'dram'])
    }
  })

  it('is not slower where the machine is faster', () => {
    fc.assert(
      fc.property(anyFused, anyMachine, fc.double({min: 1, max: 10, noNaN: true}), (graph, machine, factor) => {
        const faster = {...machine, ceilings: machine.ceilings.map((c) => ({...c, value: c.value * factor}))}
        const [slow, fast] = [machine, faster].map((m) => evaluate(graph, prepareRoof(m), same('f32')).time)
        expect(fast!.lower * factor).toBeCloseTo(slow!.lower, 12)
        expect(fast!.upper).toBeLessThanOrEqual(slow!.upper * (1 + 1e-12))
      }),
    )
  })

  it('has no time where there is nothing to do', () => {
    const nothing = evaluate({nodes: [], tensors: []}, prepareRoof(gpu), same('f32'))
    expect(nothing).toMatchObject({flops: 0, intensity: null, bound: null, time: {lower: 0, upper: 0}})
  })
})

describe('memory', () => {
  /** At each step everything that was made before and is read at this step or later, and what the step makes. */
  function bruteForce(graph: Graph, dtype: ComputeDType): number {
    const alive = graph.nodes.map((node, i) => {
      const tensors = graph.tensors.filter((tensor) => {
        if (tensor.role !== 'activation') return false
        const made = graph.nodes.findIndex((n) => n.outputs.includes(tensor))
        const read = graph.nodes.some((n, j) => j >= i && n.inputs.includes(tensor))
        return node.outputs.includes(tensor) || (made >= 0 && made < i && read)
      })
      return tensors.reduce((sum, tensor) => sum + bytesOf(tensor.elements, dtype), 0)
    })
    return Math.max(0, ...alive)
  }

  it('holds at its peak the activations that a brute-force search finds alive', () => {
    fc.assert(
      fc.property(fc.oneof(anyOperators, anyFused), anyType, (graph, type) => {
        expect(activationsOf(graph, type).peak).toBe(bruteForce(graph, type))
      }),
      {numRuns: 300},
    )
  })

  it('frees a tensor once though one operator reads it twice', () => {
    const b = new GraphBuilder()
    const [x, y, z] = ['x', 'y', 'z'].map((name) => b.activation(name, 10)) as [never, never, never]
    b.add(ops.relu, 'a', {elements: 10}, [b.tensor('in', 'constant', 10)], [x])
    b.add(ops.add, 'b', {elements: 10}, [x, x], [y])
    b.add(ops.relu, 'c', {elements: 10}, [y], [z])
    expect(activationsOf(b.graph(), 'f32').peak).toBe(80)
  })

  it('has its classes: weights and cache in their types, one copy of what is tied', () => {
    const graph = transformer(models['llama-3-8b'].spec, tokens(1, {context: 2047, batch: 2}))
    const dtype = {weights: 'int8', activations: 'bf16', kv: 'fp8'} as const
    const {memory} = evaluate(graph, prepareRoof(gpu), {dtype})
    expect(memory.weights).toBe(8_030_261_248)
    // 2 sequences × 2,048 tokens × 32 layers × K and V × 8 heads × 128 × 1 B
    expect(memory.kvCache).toBe(2 * 2048 * 32 * 2 * 8 * 128)
    expect(memory).toMatchObject({gradients: 0, optimizer: 0})
    expect(memory.peak).toBe(memory.weights + memory.kvCache + memory.activations)
    const gpt2 = transformer(models.gpt2.spec, tokens(1))
    expect(evaluate(gpt2, prepareRoof(gpu), same('f32')).memory.weights).toBe(4 * parameterCount(gpt2).total)
  })

  it('needs less activation memory without materialized scores', () => {
    const graph = transformer(models.gpt2.spec, tokens(1024))
    const of = (fusion: Fusion) =>
      evaluate(applyFusion(graph, fusion), prepareRoof(gpu), same('f32')).memory.activations
    expect(of('attention')).toBeLessThan(of('none'))
    // scores and weights are alive together: 2 × 12 heads × 1,024² × 4 B, and more beside them
    expect(of('none')).toBeGreaterThanOrEqual(2 * 12 * 1024 ** 2 * 4)
  })
})

describe('exactness', () => {
  const refused = (graph: Graph) => failure(() => evaluate(graph, prepareRoof(gpu), same('f32')))

  it('refuses counts beyond 2^53, saying how many', () => {
    const error = refused(transformer(models['llama-3-70b'].spec, tokens(1e6, {batch: 1e9})))
    expect(error).toBeInstanceOf(AnalysisError)
    expect(error).toMatchObject({code: 'bad-dimension', message: expect.stringMatching(/2\^53 \(\d\.\d\de\+\d+ FLOP/)})
  })

  it('refuses bytes beyond 2^53 where FLOPs are few', () => {
    expect(refused(elementwise('relu', 2 ** 51))).toMatchObject({code: 'bad-dimension'})
  })

  it('stays exact up to the largest model at a large size', () => {
    const graph = transformer(models['llama-3-70b'].spec, tokens(8192, {batch: 6}))
    const e = evaluate(graph, prepareRoof(gpu), same('bf16'))
    // the same sums with integers of any size
    const exact = graph.nodes.reduce((sum, n) => sum + BigInt(n.cost.matrix + n.cost.vector) * BigInt(n.repeat), 0n)
    expect(BigInt(e.executedFlops)).toBe(exact)
  })
})

describe('memory of what a pass is given', () => {
  const memory = (id: keyof typeof models, options: WorkloadOptions) =>
    analyzeModel(models[id], gpu, options).result.totals.memory

  it('has the features and edges of a graph: they are most of a small network on a large graph', () => {
    const [nodes, edges, features] = [1000, 50_000, 5000]
    const given = (id: 'gcn' | 'gat' | 'graphsage', phase?: string) =>
      memory(id, {nodes, edges, features, phase}).activations -
      memory(id, {nodes, edges, features: 1, phase}).activations
    for (const id of ['gcn', 'gat'] as const) {
      // beside what is alive: 4 B per feature, 8 B per edge, self-loop and row; a weight per edge (GCN) or its target once per layer (GAT)
      const ends = 8 * (edges + nodes) + 8 * (nodes + 1)
      const more = id === 'gcn' ? 4 * (edges + nodes) : 2 * 8 * (edges + nodes)
      const graph = buildGraph(models[id], resolveWorkload(models[id], {nodes, edges, features}))
      const alive = activationsOf(applyFusion(graph, 'attention'), 'f32').peak
      expect(memory(id, {nodes, edges, features}).activations).toBe(alive + 4 * nodes * features + ends + more)
      expect(given(id)).toBe(4 * nodes * (features - 1))
      // the gradient of the first weights reads them again; they are there once
      expect(given(id, 'train')).toBe(4 * nodes * (features - 1))
    }
    expect(given('graphsage')).toBeGreaterThanOrEqual(4 * nodes * (features - 1))
  })

  it('has the images, the tokens and the tables that were made once', () => {
    const graph = buildGraph(models.alexnet, resolveWorkload(models.alexnet, {batch: 7}))
    const alive = activationsOf(applyFusion(graph, 'attention'), 'f32').peak
    expect(memory('alexnet', {batch: 7}).activations).toBe(alive + 4 * 7 * 3 * 224 * 224)
    const dtype = 'f32'
    const gpt2 = buildGraph(models.gpt2, resolveWorkload(models.gpt2, {batch: 2, seq: 100}))
    expect(activationsOf(gpt2, dtype).given).toBe(8 * 200)
    // what one operator writes for another is not given: the choice of experts, 8 B each
    const mixture = buildGraph(models['mixtral-8x7b'], resolveWorkload(models['mixtral-8x7b'], {seq: 100}))
    const rotations = 4 * 100 * 128
    expect(activationsOf(mixture, dtype).given).toBe(8 * 100 + rotations)
  })
})

describe('memory of repeated layers', () => {
  it('holds what every layer reads from outside until the last of them', () => {
    const work = resolveWorkload(models['t5-base'], {seq: 512, srcSeq: 512})
    const graph = applyFusion(buildGraph(models['t5-base'], work), 'attention')
    const rows = 512 * 768 * 4
    // in the decoder's MLP: the stream, the output of the encoder for the layers to come, 3,072 channels before and behind ReLU
    expect(activationsOf(graph, 'f32').peak).toBe(rows + rows + 2 * 4 * rows)
  })
})
