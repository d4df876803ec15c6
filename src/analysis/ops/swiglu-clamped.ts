import {elementwise} from './elementwise.ts'

const LIMIT = 7
const ALPHA = 1.702

export const swigluClamped = elementwise({
  kind: 'swiglu-clamped',
  title: '(up + 1) · gate · sigmoid(1.702·gate) with both inputs clamped at 7, the activation of GPT-OSS',
  inputs: ['gate', 'up'],
  flops: 9,
  special: 1,
  source:
    'openai/gpt-oss, gpt_oss/torch/model.py, swiglu(): 3 compares, multiply by α, exp, add, divide, plus 1, multiply',
  apply: (gate, up) => {
    const g = Math.min(gate!, LIMIT)
    const u = Math.max(-LIMIT, Math.min(up!, LIMIT))
    return (u + 1) * (g / (1 + Math.exp(-ALPHA * g)))
  },
  // 3 compares, s (4), up + 1, dup = dy·gate·s (2), dgate = dy·(up + 1)·s·(1 + α·gate·(1 − s)) (6), zero where clamped (2)
  backward: {flops: 18, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 2880}, flops: 25_920, bytes: 34_560, source: 'GPT-OSS, one token and expert'}],
})
