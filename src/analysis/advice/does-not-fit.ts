import {type ComputeDType, dtypeBits} from '../dtype.ts'
import type {Memory} from '../memory.ts'
import {traitsOf} from '../models/types.ts'
import {largestWhere} from '../search.ts'
import type {Training} from '../training/options.ts'
import {format, formatCount} from '../units.ts'
import {canShare} from '../workload.ts'
import {fits} from './shared.ts'
import type {AdviceContext, AdviceRule} from './types.ts'

/** Devices that may share a layer; larger groups span several hosts today. */
const MOST_DEVICES = 64

/** The smallest number of devices that can share the layers and whose memory then holds the workload. */
function devices(context: AdviceContext): number | undefined {
  const traits = traitsOf(context.model)
  for (let tp = context.work.tp + 1; tp <= MOST_DEVICES; tp++) {
    if (canShare(traits, tp) && fits(context, {tp, count: tp})) return tp
  }
  return undefined
}

/** Changes of a training step that need less memory, the cheapest in time first. */
const trainings: readonly (readonly [string, Partial<Training>])[] = [
  ['--optimizer adafactor', {optimizer: 'adafactor'}],
  ['--recompute selective', {recompute: 'selective'}],
  ['--recompute full', {recompute: 'full'}],
  ['--recompute reversible', {recompute: 'reversible'}],
  ['--lora 16', {lora: 16}],
]

/** The first of them that makes it fit, and LoRA, which trains something else. */
function training(context: AdviceContext): string[] {
  const {training: now} = context.work
  if (!now) return []
  const fitting = trainings.filter(([, change]) => fits(context, {training: {...now, ...change}}))
  return fitting.map(([flag]) => flag).filter((flag, i) => i === 0 || flag.startsWith('--lora'))
}

/** The widest type below today's in which the weights make it fit; a step trains weights of 16 bits at least. */
function weights(context: AdviceContext): ComputeDType | undefined {
  const {dtype} = context.work
  const types = context.work.training ? (['bf16'] as const) : (['bf16', 'int8', 'int4'] as const)
  return types.find(
    (type) => dtypeBits[type] < dtypeBits[dtype.weights] && fits(context, {dtype: {...dtype, weights: type}}),
  )
}

/** The largest smaller value of a size that fits. */
function smaller(context: AdviceContext, field: 'batch' | 'context' | 'seq'): number | undefined {
  const now = context.work[field]
  const least = field === 'context' ? 0 : 1
  if (now <= least) return undefined
  return largestWhere((n) => fits(context, {[field]: n}), least, now - 1)
}

/** Every single change that makes the workload fit, as flags. */
function remedies(context: AdviceContext): string[] {
  const tp = devices(context)
  const type = weights(context)
  const sizes = (['batch', 'context', 'seq'] as const).flatMap((field) => {
    const value = smaller(context, field)
    return value === undefined ? [] : [`--${field} ${value}`]
  })
  return [
    ...(tp === undefined ? [] : [`--count ${tp} --tp ${tp}`]),
    ...(type === undefined ? [] : [`--weights-dtype ${type}`]),
    ...training(context),
    ...sizes,
  ]
}

/** Every class that takes memory, largest first: `weights 16.1 GB, activations 2.1 GB`. */
function classes({weights, activations, kvCache, gradients, optimizer}: Memory): string {
  const named = {weights, gradients, 'optimizer state': optimizer, 'KV cache': kvCache, activations}
  return Object.entries(named)
    .filter(([, bytes]) => bytes > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, bytes]) => `${name} ${format(bytes, 'B')}`)
    .join(', ')
}

export const doesNotFit: AdviceRule = {
  id: 'does-not-fit',
  title: 'the workload needs more memory than a device has',
  apply(context) {
    const {memory} = context.evaluation
    const capacity = context.roof.machine.memory?.capacity
    if (capacity === undefined || memory.peak <= capacity) return []
    const over = memory.peak - capacity
    const ways = remedies(context)
    const fix =
      ways.length > 0
        ? `It fits with ${ways.join(', or ')}.`
        : `No single change makes it fit (up to ${MOST_DEVICES} devices, ${context.work.training ? 'recomputation, LoRA' : 'int4 weights'}, batch 1): combine them.`
    const message = `Does not fit: ${format(memory.peak, 'B')} (${classes(memory)}) are ${format(over, 'B')} (${formatCount(over)} bytes) more than the ${format(capacity, 'B')} of ${context.roof.machine.id}. ${fix}`
    return [{rule: 'does-not-fit', operator: null, message, saves: null}]
  },
  example: {model: 'llama-3-70b', machine: 'h100-sxm', options: {phase: 'decode'}},
  counterExample: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'decode'}},
}
