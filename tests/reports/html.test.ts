import {createHash} from 'node:crypto'
import {beforeAll, describe, expect, it} from 'vitest'
import {extractDocument, renderHtml} from '../../reports/html.ts'
import {toCsv} from '../../reports/runtime/csv.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildTemplate, sample} from './support.ts'

let template = ''
beforeAll(() => {
  template = buildTemplate()
}, 60_000)

describe('the page', () => {
  it('loads nothing from anywhere', async () => {
    const page = await renderHtml(template, sample())
    // addresses in it are citations and namespaces; whatever loads would be one of these
    expect(page).not.toMatch(/<(?:link|img|iframe|object|embed|source|audio|video)\b(?![^>]*href="data:,")/)
    expect(page).not.toMatch(/<script[^>]*\bsrc=/)
    expect(page).not.toMatch(/@import|url\(\s*["']?https?:/)
  })

  it('carries a policy under which only its own script runs', () => {
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(template)![1]!
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline|https?:|\*/)
    const scripts = [...template.matchAll(/<script>([\s\S]*?)<\/script>/g)]
    expect(scripts).toHaveLength(1)
    const hash = createHash('sha256').update(scripts[0]![1]!).digest('base64')
    expect(policy).toContain(`script-src 'sha256-${hash}'`)
  })

  it('is below 1.2 MB for Llama 3 8B', async () => {
    expect(Buffer.byteLength(await renderHtml(template, sample()))).toBeLessThan(1_200_000)
  })

  it('is the same for the same document', async () => {
    expect(await renderHtml(template, sample())).toBe(await renderHtml(template, sample()))
  })
})

describe('the document in the page', () => {
  it('comes out as it went in', async () => {
    const document = sample({modelName: '</script><!--<script>$& $` "quoted" \u2028 ünï'})
    expect(await extractDocument(await renderHtml(template, document))).toEqual(document)
  })

  it('cannot end its element', async () => {
    const page = await renderHtml(template, sample({modelName: '</script><img src=x onerror=alert(1)>'}))
    expect(page.split('</script>')).toHaveLength(3)
    expect(page).not.toContain('<img')
  })

  it('is compressed where it is long, with what is embedded beside it', async () => {
    const small = sample()
    const operators = Array.from({length: 1000}, (_, i) => {
      const op = small.result.operators[i % small.result.operators.length]!
      return {...op, id: `block.${i}.${op.id}`}
    })
    const document = {...small, result: {...small.result, operators}}
    const page = await renderHtml(template, document, {model: models['llama-3-8b'], before: document})
    expect(Buffer.byteLength(page)).toBeLessThan(1_200_000)
    expect(await extractDocument(page)).toEqual(document)
    const packed = /id="ridgepoint-document">([^<]+)/.exec(page)![1]!
    await expect(extractDocument(page.replace(packed, packed.slice(0, 200)))).rejects.toThrow(/damaged/)
  })

  it.each([
    ['no page of ours', async () => '<html></html>', /no Ridgepoint document/],
    [
      'cut off',
      async () => (await renderHtml(template, sample())).slice(0, template.indexOf('<!--ridgepoint') + 4000),
      /ends in the middle/,
    ],
    [
      'edited into no JSON',
      async () => (await renderHtml(template, sample())).replace('{"schema"', '{schema'),
      /not JSON/,
    ],
    [
      'of somebody else',
      async () => (await renderHtml(template, sample())).replace('ridgepoint/analysis@1', 'other@1'),
      /no "schema"/,
    ],
  ])('is refused when it is %s', async (_name, page, message) => {
    const html = await page()
    await expect(extractDocument(html)).rejects.toThrow(message)
    await expect(extractDocument(html)).rejects.toMatchObject({code: 'bad-document'})
  })
})

describe('a document that the page cannot show', () => {
  const {result} = sample()
  it.each([
    ['null', null, /not a JSON object/],
    ['no schema', {}, /no "schema"/],
    ['an error', {schema: 'ridgepoint/error@1', ok: false}, /is an error/],
    ['another version', {schema: 'ridgepoint/analysis@2', ok: true, result}, /analysis@2/],
    ['not ok', {schema: 'ridgepoint/analysis@1', ok: false, result}, /"ok"/],
    ['no result', {schema: 'ridgepoint/analysis@1', ok: true}, /"result"/],
    [
      'no operators',
      {schema: 'ridgepoint/analysis@1', ok: true, result: {...result, operators: {}}},
      /"result.operators"/,
    ],
    ['no warnings', {schema: 'ridgepoint/analysis@1', ok: true, result}, /"warnings"/],
  ])('names what is wrong: %s', async (_name, document, message) => {
    await expect(renderHtml(template, document)).rejects.toThrow(message)
  })
})

it('says that a template without a place for the document is broken', async () => {
  await expect(renderHtml('<html></html>', sample())).rejects.toThrow(/no place for a document/)
})

it('writes CSV that a comma, a quote or a line break in a name does not split', () => {
  const columns = [
    {id: 'name', label: 'Name', value: (row: {name: string; n: number | null}) => row.name},
    {id: 'n', label: 'N', value: (row: {name: string; n: number | null}) => row.n},
  ]
  const rows = [
    {name: 'a,"b"\nc', n: 1.5},
    {name: 'd', n: null},
  ]
  expect(toCsv(columns, rows)).toBe('name,n\r\n"a,""b""\nc",1.5\r\nd,\r\n')
})
