import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {beforeEach, describe, expect, it} from 'vitest'
import {extractDocument, extractExtras} from '../../reports/html.ts'
import {documentOf, root, run, sandbox} from './support.ts'

const {path} = sandbox()
const fixture = (name: string) => join(root, 'tests/fixtures/points', name)
const h100 = ['--machine', 'h100-sxm']

describe('perf place', () => {
  beforeEach(async () => {
    const words = ['analyze', 'gpt2', ...h100]
    writeFileSync(path('a.json'), (await run(...words, '--json')).stdout)
    await run(...words, '--report', path('a.html'))
    writeFileSync(path('measured.csv'), 'name,seconds\nlayers.mlp.up,1 ms\nlayers.mlp.upp,2 ms\n')
  })

  it('reads the files of profilers under any name', async () => {
    writeFileSync(path('unknown'), readFileSync(fixture('nsight-raw.csv')))
    const {result, warnings} = documentOf(await run('place', '--points', path('unknown'), ...h100, '--json'))
    expect(result.points).toHaveLength(5)
    expect(result.points[0]).toMatchObject({flops: 4_001_000, count: 2})
    expect(warnings.map(({code}: {code: string}) => code)).toContain('packed-half')
    const inner = documentOf(
      await run('place', '--points', fixture('nsight-raw.csv'), '--machine', 'rtx-4090', '--json'),
    )
    expect(inner.result.points[0].bytes).toBe(11.5e6)
  })

  it('a page of points embeds what --json prints', async () => {
    const words = ['place', '--points', fixture('likwid-perfctr.txt'), ...h100]
    const {stdout} = await run(...words, '--json', '--report', path('points.html'))
    expect(await extractDocument(readFileSync(path('points.html'), 'utf8'))).toEqual(JSON.parse(stdout))
  })

  it.each([
    'a.json',
    'a.html',
  ])('joins %s: the table, and the page of the analysis with the points in it', async (name) => {
    const words = ['place', '--points', path('measured.csv'), '--join', path(name), '--report', path('joined.html')]
    const {code, stdout, stderr} = await run(...words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^operator +.*predicted ≥ +.*measured/m)
    expect(stdout).toMatch(/^layers\.mlp\.up +.*1 ms/m)
    expect(stdout).toContain('No operator has the name of: layers.mlp.upp')
    expect(stderr).toContain('did you mean "layers.mlp.up"?')
    const html = readFileSync(path('joined.html'), 'utf8')
    expect(await extractDocument(html)).toEqual(JSON.parse(readFileSync(path('a.json'), 'utf8')))
    const {placement} = await extractExtras(html)
    expect(placement?.points).toMatchObject([{name: 'layers.mlp.up', seconds: 1e-3}])
  })

  it('refuses another machine than that of the analysis', async () => {
    const words = ['place', '--points', path('measured.csv'), '--join', path('a.json'), '--machine', 'l4']
    const {code, stderr} = await run(...words)
    expect(code).toBe(2)
    expect(stderr).toContain('is of h100-sxm')
  })

  it('says in one line what is wrong with a hostile file', async () => {
    const csv = 'name,flops,bytes,seconds\n'
    const hostile: [string, RegExp][] = [
      [`${csv}${'a,1,1,1\n'.repeat(1_000_000)}`, /more than 10000 points/],
      [`${csv}${'x'.repeat(2 ** 20)},1,1,1\n`, /name has 1048576 characters/],
      [`${csv}a,NaN,1,1\n`, /flops "NaN"/],
      [`${csv}a,1,1,-1\n`, /seconds "-1"/],
      [`${csv}a,1e400,1,1\n`, /flops "1e400"/],
      [`name,${csv}a,b,1,1,1\n`, /column name twice/],
      [csv.replaceAll(',', ';'), /separated by ";"; a comma/],
      [csv.replaceAll(',', '\t'), /separated by "\\t"; a comma/],
      [Array.from(csv, (c) => `${c}\0`).join(''), /zero bytes/],
      [readFileSync(fixture('nsight-raw.csv'), 'utf8').slice(0, -40), /cut off|never closed/],
    ]
    for (const [text, message] of hostile) {
      writeFileSync(path('hostile'), text)
      const {code, stderr, stdout} = await run('place', '--points', path('hostile'), ...h100)
      expect(code).toBe(3)
      expect(stdout).toBe('')
      expect(stderr.split('\n')[0]).toMatch(message)
    }
  })

  it('says of a single measurement what its flags need, not what a file does', async () => {
    const {code, stderr} = await run('place', '--flops', '1', '--bytes', '1', '--seconds', '0', ...h100)
    expect(code).toBe(2)
    expect(stderr).toContain('seconds "0" is not a number above 0 in s\n  for example --flops')
    expect(stderr).not.toContain('CSV')
  })
})
