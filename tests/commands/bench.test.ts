import {existsSync, readFileSync} from 'node:fs'
import {describe, expect, it, vi} from 'vitest'
import {extractDocument, extractExtras} from '../../reports/html.ts'
import {documentOf, run, sandbox} from './support.ts'

const {path} = sandbox()

// runs real kernels, at sizes that take milliseconds; the profile that they need is measured once, quickly
describe('perf bench and perf compare --fused', () => {
  it('write a page of what was measured', async () => {
    const words = ['bench', 'add', '--dims', '4096', '--json', '--report', path('bench.html')]
    const {result} = documentOf(await run(...words))
    expect(result.kernels).toHaveLength(1)
    const html = readFileSync(path('bench.html'), 'utf8')
    const page = (await extractDocument(html)) as {schema: string; result: {points: {name: string; seconds: number}[]}}
    expect(page.schema).toBe('ridgepoint/placement@1')
    expect(page.result.points.map(({name}) => name)).toEqual([expect.stringMatching(/^add 4096 f32, \d+ T$/)])
    expect(page.result.points[0]!.seconds).toBe(result.kernels[0].seconds.min)
  })

  it('take kernels by name, one or several, and say what runs when nothing is said', async () => {
    const {result} = documentOf(await run('bench', 'add,mul', 'relu', '--dims', '64', '--threads', '1', '--json'))
    expect(result.kernels.map(({id}: {id: string}) => id)).toEqual(['add', 'mul', 'relu'])
    for (const words of [['bench'], ['bench', 'all']]) {
      const config = documentOf(await run(...words, '--show-config', '--json')).result.items as Record<
        string,
        unknown
      >[]
      const said = Object.fromEntries(config.map(({name, value}) => [name, value]))
      expect(said).toMatchObject({kernel: 'all', dtype: 'all'})
    }
    const {stdout} = await run('bench', '--help')
    expect(stdout).toMatch(/perf bench \[KERNEL/)
    expect(stdout).not.toContain("the model's own")
  })

  it('show what they were given, and do nothing else, with --show-config', async () => {
    vi.stubEnv('RIDGEPOINT_THREADS', '1')
    const {result} = documentOf(await run('compare', '--fused', 'all', '--dims', '8x8', '--show-config', '--json'))
    expect(result.items).toEqual(
      expect.arrayContaining([
        {name: 'fused', value: 'all', source: 'flag'},
        {name: 'dims', value: '8x8', source: 'flag'},
        {name: 'threads', value: 1, source: expect.stringContaining('RIDGEPOINT_THREADS')},
        {name: 'isa', value: null, source: 'default'},
      ]),
    )
    // nothing was measured, so there is no profile
    expect(existsSync(path('cache'))).toBe(false)
  })

  it('print both sides of a pair, and embed the pairs', async () => {
    const words = ['compare', '--fused', 'bias+gelu', '--dims', '16x64', '--report', path('pairs.html')]
    const {code, stdout} = await run(...words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^bias\+gelu .*unfused .*kB/m)
    expect(stdout).toMatch(/^16×64 +fused .*kB/m)
    expect(stdout).toMatch(/^bias\+gelu 16×64 +~?[\d.]+ × /m)
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/checked against its f64 reference: .* 0\.00001 is allowed/)
    const {pairs} = await extractExtras(readFileSync(path('pairs.html'), 'utf8'))
    expect(pairs).toMatchObject([{id: 'bias+gelu', dims: {rows: 16, cols: 64}, pays: null}])
  })

  it('run several sizes, as a list or a range', async () => {
    const words = ['chain', '--dims', '64x2:4,128×8', '--threads', '1', '--json']
    const {kernels} = documentOf(await run('bench', ...words)).result
    const sizes = kernels.map(({dims}: {dims: object}) => Object.values(dims).join('x'))
    expect(sizes).toEqual(['64x2', '64x3', '64x4', '128x8'])
    const {pairs} = documentOf(await run('compare', '--fused', ...words)).result
    expect(pairs.map(({dims}: {dims: object}) => Object.values(dims).join('x'))).toEqual(sizes)
  })

  it('name the size at which fusing pays', async () => {
    const {result} = documentOf(await run('compare', '--fused', 'bias+gelu', '--threads', '1', '--json'))
    const {pays} = result.pairs[0]
    expect(pays.dim).toBe('rows')
    expect(pays.points.length).toBeGreaterThan(3)
    // the largest size is the run's own, in turn where ceilings were measured beside it
    const last = result.pairs.at(-1)
    const speedup = last.predictedInTurn ? last.speedupInTurn : last.speedup
    expect(pays.points.at(-1)).toMatchObject({size: last.dims.rows, speedup})
    expect(last.pays).toEqual(pays)
    expect(['always', 'never', 'from', 'up-to']).toContain(pays.when)
    expect(pays.at === null).toBe(pays.when === 'always' || pays.when === 'never')
  })

  it.each([
    [['bench', 'all,no-such-kernel']],
    [['compare', '--fused', 'all,no-such-pair']],
  ])('%j is refused: beside all no other name goes by', async (words) => {
    const {code, stderr} = await run(...words)
    expect(code).toBe(3)
    expect(stderr).toMatch(/"all"|no-such/)
  })

  it.each([
    [['bench', 'add', '--sweep', '--dims', '4'], /--sweep chooses the sizes/],
    [['bench', 'add', '--dims', '1:200'], /--dims "1:200" is more than 100 sizes/],
    [['bench', 'all', '--load', 'x.so'], /--load runs one shared object/],
    [['bench', 'add', '--load', './k.so'], /--load runs one shared object/],
    [['bench', '--load', './k.so', '--backend', 'webgpu'], /of processors/],
    [['bench', '--load', './k.so', '--isa', 'avx2'], /--isa is of our own kernels/],
    [['bench', '--load', './k.so', '--dtype', 'f64'], /--dtype is of our own kernels/],
    [['bench', 'add', '--timeout', '5'], /--timeout is of kernels that --load brings/],
    [['bench', '--load', './k.so', '--timeout', '0'], /--timeout 0 is not a whole number from 1/],
    [['bench', 'add', '--dtype', 'fp8'], /no kernel in "fp8"/],
  ])('%j is refused', async (words, message) => {
    const {code, stderr, stdout} = await run(...words)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
  })
})
