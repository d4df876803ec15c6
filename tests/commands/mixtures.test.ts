/** Routing, pruning and ids on the command line. */
import {describe, expect, it} from 'vitest'
import {run} from './support.ts'

const h100 = ['--machine', 'h100-sxm']
const json = async (...argv: string[]) => JSON.parse((await run(...argv, ...h100, '--json')).stdout).result

describe('a mixture of experts', () => {
  it('takes its capacity and its imbalance, and shows the values in force', async () => {
    const hot = await json('analyze', 'mixtral-8x7b', '--seq', '512', '--imbalance', '1.5', '--capacity-factor', '2')
    expect(hot.workload.routing).toEqual({imbalance: 1.5, capacityFactor: 2})
    expect(hot.totals.executedFlops).toBeGreaterThan(hot.totals.flops)
    const config = await run('analyze', 'mixtral-8x7b', '--imbalance', '1.5', '--show-config', ...h100)
    expect(config.stdout).toMatch(/imbalance +1.5/)
  })

  it('is swept under it: the same tokens take longer', async () => {
    const times = async (...flags: string[]) =>
      (await json('sweep', 'mixtral-8x7b', '--seq', '4096', '--batch', '1,2', ...flags)).rows.map(
        (row: {totals: {time: {lower: number}}}) => row.totals.time.lower,
      )
    const [plain, hot] = [await times(), await times('--imbalance', '2')]
    for (const [i, time] of hot.entries()) expect(time).toBeGreaterThan(1.3 * plain[i]!)
  })

  it.each([
    [['gpt2', '--imbalance', '2'], /--imbalance 2 does not apply to gpt2/],
    [['mixtral-8x7b', '--imbalance', '0.5'], /--imbalance 0.5 is not a number from 1 to 4/],
    [['mixtral-8x7b', '--capacity-factor', '9'], /--capacity-factor 9 is not a number from 0.01 to 4/],
  ] as const)('%j is refused', async (argv, message) => {
    const {code, stderr} = await run('analyze', ...argv, ...h100)
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })
})

it('heads are pruned, and the sparse peak is used for 2:4 weights alone', async () => {
  const {compression, operators} = await json(
    'analyze',
    'gpt2',
    '--seq',
    '1024',
    '--dtype',
    'bf16',
    '--prune',
    'heads:0.5,2:4',
  )
  expect(compression.map(({pass}: {pass: string}) => pass)).toEqual(['prune-heads', 'prune-weights'])
  const sparse = operators.filter(({sparsity}: {sparsity?: string}) => sparsity === '2:4')
  expect(sparse.length).toBeGreaterThan(2)
  expect(operators.find(({id}: {id: string}) => id === 'lm_head').sparsity).toBeUndefined()
})

it('models are found as torchvision writes them', async () => {
  expect((await json('analyze', 'vgg16_bn')).model.id).toBe('vgg16-bn')
  expect((await run('model', 'show', 'VGG16_BN')).stdout).toContain('138,365,992')
})

it('a recurrent layer says that its latency is missing, and has it once it is given', async () => {
  const silent = await run('analyze', 'lstm-lm', '--seq', '100', ...h100)
  expect(silent.stderr).toContain('[sequential-steps]')
  const {totals} = await json('analyze', 'lstm-lm', '--seq', '100', '--launch-overhead', '5 us')
  expect(totals.bound).toBe('latency')
  expect(totals.time.lower).toBeGreaterThan(2 * 100 * 5e-6)
})
