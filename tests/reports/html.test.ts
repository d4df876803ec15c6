import {createHash} from 'node:crypto'
import {beforeAll, describe, expect, it} from 'vitest'
import {extractDocument, renderHtml} from '../../reports/html.ts'
import {toCsv} from '../../reports/runtime/csv.ts'
import {templatePath} from '../../reports/template.ts'
import {buildTemplate, sample} from './support.ts'

let template = ''
beforeAll(() => {
  template = buildTemplate()
}, 60_000)

describe('the page', () => {
  it('loads nothing from anywhere', () => {
    const page = renderHtml(template, sample())
    // namespaces and the addresses in Vega's own messages are names, not loads; whatever loads would be one of these
    expect(page).not.toMatch(/<(?:link|img|iframe|object|embed|source|audio|video)\b(?![^>]*href="data:,")/)
    expect(page).not.toMatch(/<script[^>]*\bsrc=/)
    expect(page).not.toMatch(/@import|url\(\s*["']?https?:/)
    const addresses = [...template.matchAll(/https?:\/\/[^\s"'`)\\]+/g)].map(([address]) => address)
    for (const address of addresses) expect(address).toMatch(/^https?:\/\/(?:www\.w3\.org|vega\.github\.io)\//)
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

  it('is below 750 kB for Llama 3 8B', () => {
    expect(Buffer.byteLength(renderHtml(template, sample()))).toBeLessThan(750_000)
  })

  it('is the same for the same document', () => {
    expect(renderHtml(template, sample())).toBe(renderHtml(template, sample()))
  })
})

describe('the document in the page', () => {
  it('comes out as it went in', () => {
    const document = sample({modelName: '</script><!--<script>$& $` "quoted" \u2028 ünï'})
    expect(extractDocument(renderHtml(template, document))).toEqual(document)
  })

  it('cannot end its element', () => {
    const page = renderHtml(template, sample({modelName: '</script><img src=x onerror=alert(1)>'}))
    expect(page.split('</script>')).toHaveLength(3)
    expect(page).not.toContain('<img')
  })

  it.each([
    ['no page of ours', () => '<html></html>', /no Ridgepoint document/],
    [
      'cut off',
      () => renderHtml(template, sample()).slice(0, template.indexOf('<!--ridgepoint') + 4000),
      /ends in the middle/,
    ],
    ['edited into no JSON', () => renderHtml(template, sample()).replace('{"schema"', '{schema'), /not JSON/],
    [
      'of somebody else',
      () => renderHtml(template, sample()).replace('ridgepoint/analysis@1', 'other@1'),
      /no "schema"/,
    ],
  ])('is refused when it is %s', (_name, page, message) => {
    expect(() => extractDocument(page())).toThrow(message)
    expect(() => extractDocument(page())).toThrow(expect.objectContaining({code: 'bad-document'}))
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
  ])('names what is wrong: %s', (_name, document, message) => {
    expect(() => renderHtml(template, document)).toThrow(message)
  })
})

it('says that a template without a place for the document is broken', () => {
  expect(() => renderHtml('<html></html>', sample())).toThrow(/no place for a document/)
})

it('finds the template in a package', () => {
  expect(templatePath('/some/package/')).toBe('/some/package/dist/report/template.html')
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
