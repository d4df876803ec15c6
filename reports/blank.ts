/** An analysis of nothing: what a page and a picture of a document without a workload are drawn from. */
import type {Analysis} from '../src/analysis/document/analysis.ts'

const none = {lower: 0, predicted: null, upper: 0, reason: 'uncalibrated'}

/**
 * @param name what the page is about
 * @param dtype type of the peak that the ridge is made with
 */
export function blankAnalysis(name: string, machine: Analysis['machine'], dtype: string): Analysis {
  const types = {weights: dtype, activations: dtype, kv: dtype}
  const memory = {weights: 0, activations: 0, kvCache: 0, gradients: 0, optimizer: 0, peak: 0}
  return {
    model: {id: 'points', name, source: 'measured', parameters: {total: 0, active: 0, embedding: 0}},
    workload: {
      ...{
        phase: 'forward',
        batch: 1,
        seq: 1,
        context: 0,
        logits: 'last',
        dtype: types,
        fusion: 'none',
        count: 1,
        tp: 1,
      },
      ...{image: null, srcSeq: null, graph: null},
    },
    machine,
    operators: [],
    totals: {
      ...{macs: 0, flops: 0, executedFlops: 0, special: 0, bytes: {}, intensity: null, bound: null, time: none},
      ...{isBound: true, complete: true, memory, tokensPerSecond: null, samplesPerSecond: null, ttft: null, tpot: null},
      ...{mfu: null, costPerMillionTokens: null, currency: null, energyPerMillionTokens: null, reasons: {}},
    },
    unknown: [],
    advice: [],
    fusion: {levels: [], groups: []},
    ranking: [],
    summary: {limit: '', distance: '', first: ''},
    assumptions: [],
  }
}
