/** Image models on the command line: their size, their header, their errors. */
import {writeFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {run, sandbox} from './support.ts'

const box = sandbox()
const h100 = ['--machine', 'h100-sxm']

const workloadOf = async (...flags: string[]) =>
  JSON.parse((await run('analyze', 'resnet50', ...h100, ...flags, '--json')).stdout).result

describe('--image', () => {
  it('is the size that the model was made for, a height and a width, or one number for both', async () => {
    const own = await workloadOf()
    expect(own.workload.image).toEqual({height: 224, width: 224})
    expect((await workloadOf('--image', '320x256')).workload.image).toEqual({height: 320, width: 256})
    const double = await workloadOf('--image', '448')
    expect(double.workload.image).toEqual({height: 448, width: 448})
    // four times the positions, and the classifier once
    const fc = 2048 * 1000
    expect(double.totals.macs - fc).toBe(4 * (own.totals.macs - fc))
  })

  it('stands in the header in place of tokens', async () => {
    expect((await run('analyze', 'resnet50', ...h100)).stdout).toContain('forward: batch 1 × image of 224×224, f32')
    expect((await run('analyze', 'sd-1.5-unet', ...h100)).stdout).toContain('image of 512×512 with 77 source tokens')
  })

  it.each([
    [['resnet50', '--image', '224by224'], /--image "224by224" is not a height and a width/],
    [['resnet50', '--image', '0x224'], /--image height 0 .*1 to/],
    [['gpt2', '--image', '224'], /--image 224x224 does not apply to gpt2/],
    [['resnet50', '--seq', '8'], /--seq 8 does not apply to resnet50/],
    [['alexnet', '--image', '20'], /window .* does not fit/],
    [['sd-1.5-unet', '--image', '500x512'], /--image 500x512: sides of this model are multiples of 64/],
  ] as const)('%j is refused', async (argv, message) => {
    const {code, stderr} = await run('analyze', ...argv, ...h100)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })

  it('is asked again by check', async () => {
    const {stdout} = await run('analyze', 'resnet18', ...h100, '--image', '128x96', '--json')
    writeFileSync(box.path('base.json'), stdout)
    const {code, stderr} = await run('check', '--baseline', box.path('base.json'))
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  it('is swept over batches, and advised by the sample', async () => {
    const {code, stdout} = await run('sweep', 'resnet18', ...h100, '--batch', '1:16:x4', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).result.rows.map((row: {batch: number}) => row.batch)).toEqual([1, 4, 16])
    expect((await run('analyze', 'sd-1.5-unet', ...h100, '--batch', '2')).stdout.replace(/\s+/g, ' ')).toMatch(
      /Larger batch: .* per sample instead of/,
    )
  })
})
