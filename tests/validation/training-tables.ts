/** The tables on training of `docs/validation.md`. */

import {analyzeModel} from '../../src/analysis/analyze.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import type {TransformerModel} from '../../src/analysis/models/types.ts'
import {llamaLike} from '../../src/analysis/models/types.ts'
import {memoryRows, ours, type Row, stepOf, trainingRows} from './training.ts'

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const find = (prefix: string, quantity: string): Row =>
  trainingRows.find(({id, quantity: q}) => id.startsWith(prefix) && q === quantity)!

/** What the paper counts: 18 bytes for each of 12·L·h² parameters (Korthikanti et al. 2022 figure 1), GiB of one device. */
export function paperStateGiB({config}: Row): number {
  const {layers, hidden, tp, pp} = config as Readonly<Record<string, number>>
  return (18 * 12 * layers! * hidden! ** 2) / (tp! * pp!) / 2 ** 30
}

/** Bytes of weights, gradients and optimizer, GiB, on one of tp × pp devices. */
function stateGiB(row: Row): number {
  const {weights, gradients, optimizer} = stepOf(row, 'a100-80gb-sxm', 1, Number(row.config.tp)).totals.memory
  return (weights + gradients + optimizer) / Number(row.config.pp) / 2 ** 30
}

export const memoryTable = (): string =>
  table(
    ['figure', 'published', 'here', 'difference', '18 B × 12·L·h² ÷ devices'],
    memoryRows.map((row) => {
      const state = row.quantity === 'params_plus_optimizer_memory'
      const value = state ? stateGiB(row) : ours(row)
      const unit = row.unit === 'percent' ? ' %' : ' GiB'
      const difference = (value - row.value).toFixed(2).replace('-0.00', '0.00')
      return [
        row.id.replace('korthikanti2022/', ''),
        `${row.value.toFixed(2)}${unit}`,
        `${value.toFixed(2)}${unit}`,
        difference,
        state ? `${paperStateGiB(row).toFixed(2)} GiB` : '–',
      ]
    }),
  )

/** Measured iterations, beside the bound of one device's share without communication. */
export const singleTable = (): string =>
  table(
    [
      'run',
      'devices',
      'parameters, published and here',
      'published ms',
      'bound ms',
      'bound ÷ published',
      'published TFLOP/s',
      'executed here ÷ published time',
    ],
    trainingRows
      .filter(({id, quantity}) => id.startsWith('megatron2020/') && quantity === 'train_iteration_time')
      .map((row) => {
        const tp = Number(row.config.tensor_parallel)
        const batch = Number(row.config.batch) / Number(row.config.data_parallel)
        const step = stepOf(row, `${row.config.hardware}`.startsWith('V100') ? 'v100-sxm' : 'a100-40gb-sxm', batch, tp)
        const bound = step.totals.time.lower * 1e3
        const rate = find(row.id.replace(/iter$/, 'tflops'), 'achieved_tflops_per_gpu').value
        const executed = step.totals.executedFlops / (row.value * 1e-3) / 1e12
        return [
          row.id.replace('megatron2020/', '').replace('/iter', ''),
          `${row.config.gpus}`,
          `${find(`megatron2020/${row.id.split('/')[1]}/params`, 'params').value} B, ${(step.model.parameters.total / 1e9).toFixed(2)} B`,
          `${row.value}`,
          bound.toFixed(0),
          (bound / row.value).toFixed(2),
          `${rate}`,
          executed.toFixed(1),
        ]
      }),
  )

/** FLOPs of an iteration by the paper's formula, which counts full recomputation and no causal mask, beside ours. */
export const clusterTable = (): string =>
  table(
    [
      'model',
      'parameters',
      'here',
      'paper formula, FLOP per sequence',
      'executed here',
      'ratio',
      'useful here ÷ formula',
      'published TFLOP/s per device',
      'share of peak',
      'at most here, TFLOP/s',
      'published ÷ at most',
      'PFLOP/s of all devices, published and devices × rate',
    ],
    trainingRows
      .filter(({id, quantity}) => id.startsWith('megatron2021/') && quantity === 'hardware_flops_utilization')
      .map((row) => {
        const {hidden: h, layers: l, seq: s, vocab: v} = row.config as Readonly<Record<string, number>>
        const formula = 96 * s! * l! * h! ** 2 * (1 + s! / (6 * h!) + v! / (16 * l! * h!))
        const step = stepOf(row, 'a100-80gb-sxm', 1, 1)
        const name = row.id.split('/')[2]!
        const parameters = find(`megatron2021/t1/${name}/`, 'params').value
        const rate = find(`megatron2021/t1/${name}/`, 'achieved_tflops_per_gpu').value
        const all = find(`megatron2021/t1/${name}/`, 'aggregate_flops').value
        const most = step.totals.executedFlops / step.totals.time.lower / 1e12
        return [
          name,
          `${parameters} B`,
          `${(step.model.parameters.total / 1e9).toFixed(1)} B`,
          formula.toExponential(3),
          step.totals.executedFlops.toExponential(3),
          (step.totals.executedFlops / formula).toFixed(3),
          (step.totals.flops / formula).toFixed(3),
          `${rate}`,
          `${row.value} %`,
          most.toFixed(0),
          (rate / most).toFixed(2),
          `${all}, ${((Number(row.config.gpus) * rate) / 1e3).toFixed(1)}`,
        ]
      }),
  )

/** Qwen-72B (Bai et al. 2023, arXiv:2309.16609; Hugging Face Qwen/Qwen-72B config.json): 80 layers of 8192, 64 heads. */
export const qwen72b: TransformerModel = {
  id: 'qwen-72b',
  name: 'Qwen-72B',
  source: 'Hugging Face Qwen/Qwen-72B config.json',
  architecture: 'transformer',
  dtype: 'bf16',
  spec: {
    ...llamaLike,
    bias: {qkv: true, out: false, mlp: false},
    layers: 80,
    hidden: 8192,
    heads: 64,
    kvHeads: 64,
    headDim: 128,
    ffn: 24_576,
    vocab: 152_064,
    positions: 32_768,
  },
}

/** Forward and backward of a plain transformer's 12·L·h² weights and of its LM head, without attention's pairs, FLOP per token. */
export const plainFlops = ({layers, hidden, vocab}: {layers: number; hidden: number; vocab: number}): number =>
  6 * (12 * layers * hidden ** 2 + vocab * hidden)

/** FLOPs per token of forward and backward at 4,096 tokens. */
export const tokenTable = (): string =>
  table(
    ['model', 'published GFLOP per token', 'here', 'here, products alone', '6·N active', '6·(12·L·h² + V·h)'],
    trainingRows
      .filter(({quantity}) => quantity === 'training_flops_per_token')
      .map((row) => {
        const model = row.config.model === 'DeepSeek-V3' ? models['deepseek-v3'] : qwen72b
        const seq = Number(row.config.seq)
        const {result} = analyzeModel(model, machines['h100-sxm'], {phase: 'train', seq})
        const {active} = result.model.parameters
        const giga = (value: number) => (value / 1e9).toFixed(0)
        return [
          `${row.config.model}`,
          `${row.value}`,
          giga(result.training!.flopsPerToken!),
          giga((2 * result.totals.macs) / seq),
          giga(6 * active),
          model === qwen72b ? giga(plainFlops(qwen72b.spec)) : '–',
        ]
      }),
  )
