import {readdirSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {explainSchema} from '../../../src/analysis/document/explain.ts'
import {type Concept, layOut, SCREEN} from '../../../src/analysis/explain/concept.ts'
import {concepts} from '../../../src/analysis/explain/concepts/index.ts'
import {explain, explainConcept, explainOperator} from '../../../src/analysis/explain/index.ts'
import {ops} from '../../../src/analysis/ops/index.ts'
import {failure} from '../support/failure.ts'

describe('operators', () => {
  it.each(Object.values(ops).map((op) => [op.kind, op] as const))('%s: the example, by its own numbers', (kind, op) => {
    const found = explain(kind)
    expect(explainSchema.parse(found)).toEqual(found)
    if (found.kind !== 'operator') throw new Error('not an operator')
    const example = op.examples[0]!
    expect(found.dims).toEqual(example.dims)
    expect(found.flops).toBe(example.flops)
    expect(found.bytes.f32).toBe(example.bytes)
    // the last step is the exact result
    const last = found.steps.at(-1)!
    expect(last.says).toBe('in all')
    expect(Number(last.text.replaceAll(',', ''))).toBe(example.flops)
    // bytes by tensor add up to the bytes by type
    for (const [type, bytes] of Object.entries(found.bytes)) {
      expect(found.tensors.reduce((sum, tensor) => sum + tensor.bytes[type]!, 0)).toBe(bytes)
      if (bytes > 0) expect(found.intensity[type]).toBe(found.flops / bytes)
    }
  })

  it('says which tensors have a type of their own, and counts their bytes in it', () => {
    const found = explainOperator('dequantize', {groups: 4, size: 32, zeroPoints: true})
    expect(found.tensors.map(({name, type, bytes}) => [name, type, bytes.f32, bytes.bf16])).toEqual([
      ['q', 'int8', 128, 128],
      ['scales', null, 16, 8],
      ['zero points', 'int8', 4, 4],
      ['x', null, 512, 256],
    ])
    const typesOf = (kind: string) => explainOperator(kind).tensors.map(({type}) => type)
    expect(typesOf('quantize')).toEqual([null, 'int8', null])
    expect(typesOf('dropout')).toEqual([null, 'int8', null])
    expect(typesOf('embedding')).toEqual(['i64', null, null])
  })

  it('fills in the arithmetic', () => {
    expect(explainOperator('linear', {m: 2, n: '3', k: 4, bias: 'true'}).steps).toEqual([
      {text: '2·m·n·k + bias·m·n', says: 'the formula'},
      {text: '2·2·3·4 + 1·2·3', says: 'with the numbers'},
      {text: '48 + 6', says: 'term by term'},
      {text: '54', says: 'in all'},
    ])
    const attention = explainOperator('attention', {batch: 1, seq: 4, cached: 2, heads: 2, headDim: 8, causal: true})
    expect(attention.derived).toEqual({pairs: 4 * 2 + 10})
    expect(attention.dims.kvHeads).toBe(2)
    expect(attention.steps.map((s) => s.text)).toEqual([
      '4·batch·heads·pairs·headDim + 5·batch·heads·pairs',
      '4·1·2·18·8 + 5·1·2·18',
      '1,152 + 180',
      '1,332',
    ])
  })

  it('what follows from a dim follows', () => {
    expect(explainOperator('softmax', {rows: 3}).dims).toEqual({rows: 3, cols: 1024, kept: 3072})
    expect(explainOperator('position', {rows: 5}).dims).toMatchObject({rows: 5, distinct: 5})
    expect(explainOperator('rope', {heads: 4}).dims).toMatchObject({heads: 4, kvHeads: 4})
  })

  it.each([
    ['linear', {rows: 3}, 'bad-dimension', 'linear has no dim "rows"'],
    ['layernorm', {widht: 3}, 'bad-dimension', 'has no dim'],
    ['linear', {m: 0}, 'bad-flag', '--dim m 0 is not a whole number'],
    ['linear', {m: 1.5}, 'bad-flag', '--dim m 1.5'],
    ['linear', {m: '1e30'}, 'bad-dimension', 'm = "1e30" is not a whole number'],
    ['linear', {m: 'x\u001b[31m'}, 'bad-dimension', 'is not a whole number'],
    ['linear', {bias: 2}, 'bad-dimension', 'bias = "2" is neither true nor false'],
    ['linear', {m: 1e9, n: 1e9, k: 1e9}, 'bad-dimension', 'beyond 2^53'],
    ['attention', {heads: 12, kvHeads: 5}, 'bad-dimension', 'does not divide'],
    ['rope', {headDim: 3}, 'bad-dimension', 'odd'],
    ['softmax', {kept: 1e9}, 'bad-dimension', 'more than rows·cols'],
    ['linear', {__proto__x: 1}, 'bad-dimension', 'has no dim'],
    ['linear', {constructor: 1}, 'bad-dimension', 'has no dim "constructor"'],
  ])('%s with %j is refused', (kind, dims, code, message) => {
    const error = failure(() => explain(kind, dims as Record<string, number>))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('\u001b')
    expect(error.suggestions.length).toBeGreaterThan(0)
  })

  it('nothing cached is allowed', () => expect(explainOperator('attention', {cached: 0}).dims.cached).toBe(0))
})

describe('concepts', () => {
  it('are registered: one file, one line, under their own id; no operator has the name', () => {
    const files = readdirSync(new URL('../../../src/analysis/explain/concepts', import.meta.url))
    expect(
      files
        .map((f) => f.replace('.ts', ''))
        .filter((f) => f !== 'index')
        .sort(),
    ).toEqual(Object.keys(concepts).sort())
    for (const [id, concept] of Object.entries(concepts)) expect(concept.id).toBe(id)
    expect(Object.keys(concepts).filter((id) => Object.hasOwn(ops, id))).toEqual([])
  })

  it('go by other names too, in any case, each of one concept alone', () => {
    expect(explain('tiles')).toEqual(explain('blocks'))
    expect(explain('KV_Cache')).toEqual(explain('kv-cache'))
    expect(explain('MACs')).toMatchObject({kind: 'concept', id: 'flop-mac'})
    const names = Object.values<Concept>(concepts).flatMap(({id, also = []}) => [id, ...also])
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => Object.hasOwn(ops, name))).toEqual([])
    const error = failure(() => explain('tils'))
    expect(error.suggestions[0]).toContain('did you mean tiles')
  })

  it.each(Object.keys(concepts))('%s fits a screen, has a worked number and a source', (id) => {
    const found = explain(id)
    expect(explainSchema.parse(found)).toEqual(found)
    if (found.kind !== 'concept') throw new Error('not a concept')
    const lines = found.text.split('\n')
    expect(lines.length).toBeLessThanOrEqual(SCREEN.lines)
    for (const line of lines) expect([...line].length, line).toBeLessThanOrEqual(SCREEN.columns)
    expect(lines[0]).toBe(found.title)
    expect(found.text).toContain('Worked: ')
    expect(found.text).toContain('Source: ')
    expect(found.text).not.toMatch(/NaN|undefined|Infinity|[^\d]–/)
  })

  // figures by hand: 989.4e12 ÷ 3.35e12; 2·32·8·128·2; 10·3.35; 1/(1/r − 1/4096 − 1/14336); 4·32·128·… ÷ …
  it.each([
    ['ridge', '= 295.3 FLOP/B'],
    ['ridge', 'from batch 326 on'],
    ['roofline', '= 33.5 TFLOP/s'],
    ['kv-cache', '= 131,072 B per token'],
    ['flop-mac', 'MACs  = 1·14,336·4,096 = 58,720,256'],
    ['gqa', ' 8 KV heads: cache 1.07 GB'],
    ['bound', 'bound:      dram, at least 35.1 µs'],
    ['blocks', 'product               637        2,956          934        1,575'],
    ['compulsory-traffic', 'read  w: 58,720,256 × 2 B = 117 MB'],
  ])('%s says %s', (id, text) => expect(explainConcept(id).text).toContain(text))

  it('text is wrapped, formulas are not', () => {
    const text = layOut({
      id: 'x',
      title: 'T',
      source: 'S',
      text: () => ['word '.repeat(40).trim(), '  a = b', '  c = d'],
    })
    expect(text.split('\n')).toEqual([
      'T',
      '',
      'word '.repeat(16).trim(),
      'word '.repeat(16).trim(),
      'word '.repeat(8).trim(),
      '',
      '  a = b',
      '  c = d',
      '',
      'Source: S',
    ])
  })

  it('an unknown name gets the nearest operator or concept', () => {
    const error = failure(() => explain('roofine'))
    expect(error.code).toBe('unknown-concept')
    expect(error.suggestions[0]).toBe('did you mean roofline?')
    expect(failure(() => explain('kvcache')).suggestions[0]).toContain('kv-cache')
    expect(failure(() => explain('__proto__')).code).toBe('unknown-concept')
    expect(failure(() => explain('ridge', {m: 1})).code).toBe('bad-flag')
  })
})
