/** Published figures of training beside ours: activation memory, FLOPs per iteration and per token, iteration times. */
import {readFileSync} from 'node:fs'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {type TransformerSpec, transformer} from '../../src/analysis/architectures/transformer.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {gpt2Like, type TransformerModel} from '../../src/analysis/models/types.ts'
import {trainingStep} from '../../src/analysis/training/index.ts'
import {resolveTraining, type TrainingOptions} from '../../src/analysis/training/options.ts'

export interface Row {
  readonly id: string
  readonly source: string
  readonly quantity: string
  readonly unit: string
  readonly value: number
  readonly config: Readonly<Record<string, number | string>>
}

const read = (name: string): Row[] => JSON.parse(readFileSync(new URL(`./data/${name}.json`, import.meta.url), 'utf8'))

export const memoryRows = read('activation-memory')
export const trainingRows = read('training')

/** The GPT of a row: dimensions as published, everything else GPT-2's. */
export function specOf({config}: Row): TransformerSpec {
  const number = (name: string) => Number(config[name])
  const heads = config.heads === undefined ? number('hidden') / 128 : number('heads')
  return {
    ...gpt2Like,
    layers: number('layers'),
    hidden: number('hidden'),
    heads,
    kvHeads: heads,
    headDim: number('hidden') / heads,
    ffn: 4 * number('hidden'),
    vocab: number('vocab'),
    positions: number('seq'),
  }
}

const f16 = {weights: 'f16', activations: 'f16', kv: 'f16'} as const

/** Bytes of activations that one layer keeps: scores in memory (no fused attention), dropout, as the paper has it. */
export function layerBytes(spec: TransformerSpec, batch: number, tp: number, options: TrainingOptions): number {
  const work = (devices: number) => ({
    ...{batch, seq: spec.positions, context: 0, logits: 'all' as const},
    ...{tp: devices, image: null, srcSeq: null, graph: null},
  })
  const training = resolveTraining({dropout: true, ...options}, tp)
  const whole = () => transformer(spec, work(1))
  const {saved} = trainingStep(transformer(spec, work(tp)), training, f16, 'none', {tp, whole})
  return saved.filter(({repeat}) => repeat > 1).reduce((sum, {bytes}) => sum + bytes, 0)
}

const techniques: Readonly<Record<string, TrainingOptions>> = {
  sequence_parallel: {sequenceParallel: true},
  selective: {recompute: 'selective'},
  'sequence_parallel+selective': {sequenceParallel: true, recompute: 'selective'},
  full_recompute: {recompute: 'full'},
  'tp baseline': {},
  'sp+selective': {sequenceParallel: true, recompute: 'selective'},
}

/** Percent of the tensor-parallel layer (figure 7), or GiB of all layers with the microbatches a pipeline holds (figure 1). */
export function ours(row: Row): number {
  const {tp, microbatch, technique, layers, pp, interleave} = row.config as Readonly<Record<string, number>> & {
    technique: string
  }
  const spec = specOf(row)
  const bytes = layerBytes(spec, microbatch!, tp!, techniques[technique]!)
  if (row.quantity === 'activation_memory_vs_tp_baseline') return (100 * bytes) / layerBytes(spec, microbatch!, tp!, {})
  // Korthikanti et al. 2022 §4.2.3: the first stage of a pipeline holds L layers, of an interleaved one L·(1 + (p − 1)/(p·m))
  const held = interleave! > 1 ? layers! * (1 + (pp! - 1) / (pp! * interleave!)) : layers!
  return (bytes * held) / 2 ** 30
}

/** One training step of the row's model on one of its devices: f16, full recomputation, AdamW. */
export function stepOf(row: Row, machine: keyof typeof machines, batch: number, tp: number): Analysis {
  const model: TransformerModel = {
    id: row.id.split('/')[1] ?? row.id,
    name: row.id,
    source: row.source,
    architecture: 'transformer',
    dtype: 'f16',
    spec: specOf(row),
  }
  const options = {phase: 'train', dtype: 'f16', batch, tp, recompute: 'full', fusion: 'none'} as const
  return analyzeModel(model, machines[machine], options).result
}
