/** Recurrent layers: by hand, step by step against the whole sequence, against PyTorch's parameter counts. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {type RnnLmSpec, rnnLm} from '../../src/analysis/architectures/rnn-lm.ts'
import {parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {gru} from '../../src/analysis/ops/gru.ts'
import {lstm} from '../../src/analysis/ops/lstm.ts'
import {type RecurrentDims, rnn} from '../../src/analysis/ops/rnn.ts'
import type {OpDef} from '../../src/analysis/ops/types.ts'
import {close, numbers} from './support/arrays.ts'
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
