import {linear} from '../../ops/linear.ts'
import {formatCount} from '../../units.ts'
import {type Concept, stage} from '../concept.ts'

export const flopMac: Concept = {
  id: 'flop-mac',
  also: ['flop', 'flops', 'mac', 'macs'],
  title: 'FLOP and MAC: 1 MAC = 2 FLOP',
  source: 'Golub & Van Loan, Matrix Computations, §1.1; facebookresearch/fvcore issue 69 on the confusion',
  text() {
    const {run} = stage()
    const dims = {m: 1, n: 14_336, k: 4096, bias: false}
    const cost = linear.cost(dims)
    const pass = run({phase: 'prefill', seq: 1})
    return [
      'A multiply-accumulate, a·b + c, is one instruction on most machines and two floating-point operations in every count here. Many published tables say “FLOPs” and mean MACs: a factor of two. Both are printed.',
      'Worked: one token through a weight matrix [4096 × 14336]:',
      `  MACs  = ${dims.m}·${formatCount(dims.n)}·${formatCount(dims.k)} = ${formatCount(cost.macs)}`,
      `  FLOPs = 2·MACs = ${formatCount(cost.flops)}`,
      `Llama 3 8B, one token: ${formatCount(pass.macs)} MACs and ${formatCount(pass.flops)} FLOPs. The FLOPs are a little more than twice the MACs: MACs count matrix products alone, FLOPs everything (add, multiply, divide, max, exp, tanh, erf 1 each; softmax 5 per element). Index arithmetic counts 0.`,
      'FLOPs (a count) are not FLOP/s (a rate). Peaks count the same way: one FMA per lane and cycle is 2 FLOP. Integer peaks are OP/s, 2 per MAC as well.',
    ]
  },
}
