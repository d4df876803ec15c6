/** Recurrent layers: by hand, step by step against the whole sequence, against PyTorch's parameter counts. */
import {describe, expect, it} from 'vitest'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import {type RnnLmSpec, rnnLm} from '../../src/analysis/architectures/rnn-lm.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {gru} from '../../src/analysis/ops/gru.ts'
import {linearAttention} from '../../src/analysis/ops/linear-attention.ts'
import {lstm} from '../../src/analysis/ops/lstm.ts'
import {type RecurrentDims, rnn} from '../../src/analysis/ops/rnn.ts'
import {ssdScan} from '../../src/analysis/ops/ssd-scan.ts'
import type {OpDef} from '../../src/analysis/ops/types.ts'
import {close, numbers} from './support/arrays.ts'
import {cpu, gpu, launch, machineOf} from './support/machines.ts'
import {nodeOf, tokens, total} from './support/workloads.ts'

const layers: readonly [string, OpDef<string, RecurrentDims>, number, number][] = [
  ['rnn', rnn, 1, 1],
  ['lstm', lstm, 4, 2],
  ['gru', gru, 3, 1],
]

describe.each(layers)('%s', (_, op, gates, states) => {
  const d = {batch: 2, seq: 5, input: 3, hidden: 4, biases: 2}
  const weights = [numbers(gates * 12, 2), numbers(gates * 16, 3), numbers(2 * gates * 4, 4)]
  const zeros = () => Array.from({length: states}, () => new Float64Array(8))

  it('step by step gives what the whole sequence gives', () => {
    const x = numbers(2 * 5 * 3)
    const [whole, ...last] = op.reference!(d, [x, ...weights, ...zeros()])
    let state: readonly Float64Array[] = zeros()
    const steps: Float64Array[] = []
    for (let t = 0; t < 5; t++) {
      const step = Float64Array.from({length: 6}, (_, i) => x[(Math.floor(i / 3) * 5 + t) * 3 + (i % 3)]!)
      const [y, ...next] = op.reference!({...d, seq: 1}, [step, ...weights, ...state])
      steps.push(y!)
      state = next
    }
    const joined = Float64Array.from({length: 40}, (_, i) => {
      const [b, t, c] = [Math.floor(i / 20), Math.floor(i / 4) % 5, i % 4]
      return steps[t]![b * 4 + c]!
    })
    close(joined, whole!)
    last.forEach((tensor, i) => {
      close(tensor, state[i]!)
    })
  })

  it('the last output is the state', () => {
    const [y, h] = op.reference!({...d, batch: 1}, [
      numbers(15),
      ...weights,
      ...Array.from({length: states}, () => new Float64Array(4)),
    ])
    close(y!.subarray(16), h!)
  })

  it('its products are those of input and state, its weights read once however long the sequence', () => {
    const cost = op.cost(d)
    expect(cost.macs).toBe(2 * 5 * gates * 4 * (3 + 4))
    const read = (seq: number) =>
      op
        .cost({...d, seq})
        .reads.filter((use) => use.role === 'weight')
        .reduce((sum, use) => sum + use.elements, 0)
    expect(read(1)).toBe(gates * 4 * (3 + 4 + 2))
    expect(read(100)).toBe(read(1))
  })

  it('says that its steps follow one another', () => {
    expect(op.where).toContain('seq sequential steps')
  })
})

describe('by hand', () => {
  it('LSTM: open gates add, closed gates keep', () => {
    const d = {batch: 1, seq: 1, input: 1, hidden: 1, biases: 1}
    const zero = Float64Array.of(0, 0, 0, 0)
    // biases in the order input, forget, cell, output: i = f = o = 1, g = tanh(1)
    const open = Float64Array.of(50, 50, 1, 50)
    const [y, , c] = lstm.reference!(d, [Float64Array.of(0), zero, zero, open, Float64Array.of(0), Float64Array.of(2)])
    expect(c![0]).toBeCloseTo(2 + Math.tanh(1), 9)
    expect(y![0]).toBeCloseTo(Math.tanh(2 + Math.tanh(1)), 9)
    const shut = Float64Array.of(-50, 50, 1, 50)
    const [, , kept] = lstm.reference!(d, [
      Float64Array.of(0),
      zero,
      zero,
      shut,
      Float64Array.of(0),
      Float64Array.of(2),
    ])
    expect(kept![0]).toBeCloseTo(2, 9)
  })

  it('GRU: an update gate of one keeps the state', () => {
    const d = {batch: 1, seq: 1, input: 1, hidden: 1, biases: 1}
    const zero = Float64Array.of(0, 0, 0)
    const [y] = gru.reference!(d, [Float64Array.of(1), zero, zero, Float64Array.of(0, 50, 9), Float64Array.of(0.7)])
    expect(y![0]).toBeCloseTo(0.7, 9)
  })
})

describe('language models', () => {
  it('Zaremba et al. 2014: 20 and 66 million parameters', () => {
    const count = (id: 'lstm-lm' | 'lstm-lm-large') => parameterCount(rnnLm(models[id].spec, tokens(1))).total
    const closed = (h: number) => 2 * 10_000 * h + 10_000 + 2 * (8 * h * h + 4 * h)
    expect(count('lstm-lm')).toBe(closed(650))
    expect(count('lstm-lm-large')).toBe(closed(1500))
    expect([count('lstm-lm'), count('lstm-lm-large')].map((n) => Math.round(n / 1e6))).toEqual([20, 66])
  })

  it('PyTorch: nn.LSTM and nn.GRU with two bias vectors per gate', () => {
    // nn.LSTM(10, 20, 2): 5,920 parameters; nn.GRU(10, 20, 2): 4,440
    const recurrent = (cell: 'lstm' | 'gru') => {
      const spec: RnnLmSpec = {cell, layers: 2, embedding: 10, hidden: 20, vocab: 7, biases: 2, tied: false}
      const graph = rnnLm(spec, tokens(3))
      validateGraph(graph)
      return parameterCount(graph).total - 7 * 10 - 7 * 20 - 7
    }
    expect([recurrent('lstm'), recurrent('gru')]).toEqual([5920, 4440])
  })

  it('the state does not grow, whatever came before', () => {
    const at = (context: number) =>
      analyzeModel(models['lstm-lm'], machines['h100-sxm'], {phase: 'decode', context}).result.totals
    expect(at(10)).toEqual(at(100_000))
    expect(at(10).memory.kvCache).toBe(2 * 2 * 650 * 4)
  })

  it('a step costs what its share of a sequence costs, but for the weights', () => {
    const {spec} = models['gru-lm']
    const cost = (seq: number) => nodeOf(rnnLm(spec, tokens(seq)), 'layers.gru').cost
    expect(cost(35).flops).toBe(35 * cost(1).flops)
    const bytes = (seq: number) =>
      total(rnnLm(spec, tokens(seq)), (n) => n.cost.reads.reduce((sum, use) => sum + use.elements, 0))
    expect(bytes(35)).toBeLessThan(2 * bytes(1))
  })
})

describe('steps that follow one another', () => {
  const model = models['lstm-lm']
  const layer = (machine: Machine, options: AnalyzeOptions) => {
    const {result, warnings} = analyzeModel(model, machine, options)
    return {op: result.operators.find(({id}) => id === 'layers.lstm')!, result, warnings}
  }
  const starting = machineOf([...gpu.ceilings, launch(5e-6)])
  const weights = 4 * 650 * 650 * 4

  it('take at least their number times the start of one: the bound becomes latency', () => {
    const {op, result, warnings} = layer(starting, {seq: 1000})
    expect(op.sequential).toEqual({steps: 1000, seconds: 5e-6, bound: 'latency', weights})
    expect(op.time.lower).toBeCloseTo(1000 * 5e-6, 12)
    expect([op.bound, result.totals.bound]).toEqual(['latency', 'latency'])
    expect(result.summary.limit).toMatch(/^Latency: .*steps that follow one another.*1,000 steps, 5 µs each/)
    expect(warnings.map(({code}) => code)).not.toContain('sequential-steps')
    // a single launch of all steps is nothing like it
    expect(layer(starting, {phase: 'decode'}).op.time.lower).toBeLessThan(op.time.lower / 100)
  })

  it('grow with the sequence and not with the batch, until a step has work', () => {
    const time = (options: AnalyzeOptions) => layer(starting, options).op.time.lower
    expect(time({seq: 2000})).toBeCloseTo(2 * time({seq: 1000}), 12)
    expect(time({seq: 1000, batch: 2})).toBe(time({seq: 1000}))
    expect(time({seq: 1000, batch: 4096})).toBeGreaterThan(2 * time({seq: 1000}))
  })

  it('are said to be missing where nobody states what a start takes', () => {
    const {op, warnings} = layer(gpu, {seq: 1000})
    expect(warnings.find(({code}) => code === 'sequential-steps')!.message).toContain('1,000 steps one after another')
    expect(op.bound).not.toBe('latency')
    // without overlap every step reads its weights from memory
    expect(op.time.upper).toBeGreaterThan((999 * weights) / 1e12)
    expect(layer(gpu, {phase: 'decode'}).warnings.map(({code}) => code)).not.toContain('sequential-steps')
  })

  it('read their weights again through every cache that cannot hold less, where its size is known', () => {
    const sized = (l1: number, l3: number) =>
      machineOf(cpu.ceilings, {
        identity: {
          cores: 2,
          caches: [
            {level: 'L1', claimed: l1, found: null, sharedBy: 1},
            {level: 'L2', claimed: l1, found: null, sharedBy: 1},
            {level: 'L3', claimed: l3, found: null, sharedBy: 2},
          ],
        },
      })
    const bound = (machine: Machine) => layer(machine, {seq: 1000}).op
    const registers = 2 * (2048 + 8192)
    // through L1 (10 TB/s) in every step, whatever its size; all of it stays inside of L3 and DRAM
    const fits = bound(sized(8e6, 64e6))
    const through = (weights - registers) / 10e12
    const products = (2 * 4 * 650 * 650 + 650 * 19) / 1e12
    expect(fits.sequential!.seconds).toBeCloseTo(Math.max(through, products), 15)
    // what L1 and L2 of both cores cannot hold comes from L3 (1 TB/s), what L3 cannot hold from DRAM (0.1 TB/s)
    const l3 = bound(sized(2 ** 15, 64e6))
    expect(l3.sequential!.seconds).toBeCloseTo((weights - registers - 4 * 2 ** 15) / 1e12, 15)
    expect(l3.sequential!.bound).toBe('l3')
    const dram = bound(sized(2 ** 15, 2 ** 20))
    expect(dram.sequential!.seconds).toBeCloseTo((weights - registers - 4 * 2 ** 15 - 2 ** 20) / 0.1e12, 15)
    expect([dram.bound, dram.time.lower]).toEqual(['dram', 1000 * dram.sequential!.seconds])
    // no size is known: nothing is claimed
    expect(bound(cpu).sequential!.bound).toMatch(/^vector/)
  })

  it('are as many in the backward pass, and their weight gradient is one product', () => {
    const {result} = analyzeModel(model, starting, {phase: 'train', seq: 100})
    const op = (id: string) => result.operators.find((o) => o.id === id)!
    expect(op('layers.lstm.dgrad').sequential!.steps).toBe(100)
    expect(op('layers.lstm.wgrad').sequential).toBeUndefined()
  })

  it('stay in an operator that a fusion joins with others', () => {
    const found = analyzeModel(model, starting, {seq: 100, fusion: 'all'}).result.operators.filter((o) => o.sequential)
    expect(found.map((o) => o.sequential!.steps)).toEqual([100])
  })

  it('cost one launch in a kernel that keeps its weights: the advice says how much that saves', () => {
    const {result} = layer(starting, {seq: 1000})
    const advice = result.advice.find(({rule}) => rule === 'persistent-kernel')!
    const bare = layer(gpu, {seq: 1000}).op.time.lower
    expect(advice.saves).toBeCloseTo(2 * (1000 * 5e-6 - Math.max(5e-6, bare)), 12)
  })

  it('are none in a scan: the recurrence of a state-space model is linear, so that its parts combine in any order', () => {
    const {operators} = analyzeModel(models['mamba2-130m'], starting, {seq: 1000}).result
    expect(operators.every((o) => o.sequential === undefined)).toBe(true)
    expect(ssdScan.where).toContain('associative')
    expect(linearAttention.where).toContain('associative')
  })
})
