import {expect, it} from 'vitest'
import {sweepSheets, sweepText} from '../../../reports/text/sweep.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {type Ranges, type SweepOptions, sweep} from '../../../src/analysis/sweep.ts'

const head = (id: keyof typeof models, options: SweepOptions, ranges: Ranges) => {
  const text = sweepText(sweep(models[id], machines['h100-sxm'], options, ranges).result, {width: 200, color: false})
  return text.split('\n')[0]
}

it('says every size that is the same in all rows, each type, and the devices', () => {
  const options = {phase: 'decode', kvDtype: 'fp8', count: 4, tp: 2} as const
  expect(head('llama-3-8b', options, {batch: [1, 2]})).toBe(
    'Llama 3 8B, decode, 1 token, after 2,048 cached, weights bf16, activations bf16, KV fp8, fusion attention, ' +
      '4 devices, 2 to a replica, on NVIDIA H100 SXM5 80 GB',
  )
  expect(head('llama-3-8b', {phase: 'decode', batch: 16}, {context: [0, 4096]})).toContain(
    'decode, batch 16, 1 token, bf16',
  )
})

it('counts samples, not tokens, of images and graphs', () => {
  expect(head('resnet50', {}, {batch: [1, 2]})).toBe(
    'ResNet-50, forward, f32, fusion attention, on NVIDIA H100 SXM5 80 GB',
  )
  const [[, sheet]] = sweepSheets(sweep(models.resnet50, machines['h100-sxm'], {}, {batch: [1, 2]}).result) as [
    ReturnType<typeof sweepSheets>[0],
  ]
  expect(sheet.titles).toContain('samples/s ≤')
  expect(sheet.keys).not.toContain('tokens_per_second')
})
