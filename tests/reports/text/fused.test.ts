import {expect, test} from 'vitest'
import {boundText} from '../../../reports/text/bench.ts'
import {fusedSheets, fusedText} from '../../../reports/text/fused.ts'
import {pair} from '../pairs.ts'

const plain = {width: 80, color: false}

test('80 columns hold bytes, intensity, bound and time of each side, both speed-ups, and where fusing pays', () => {
  const longest = pair({
    id: 'dequantize-int4+gemv',
    dims: {n: 16384, k: 8192, group: 64},
    ...{speedupInTurn: 8.4, predictedInTurn: 16.8},
  })
  const text = fusedText({kind: 'fused', pairs: [pair(), longest]}, plain)
  const lines = text.split('\n')
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80)
  expect(lines[2]).toMatch(/^conv\+batchnorm\+relu +unfused +310 kB +12 +fma f32 +30 µs$/)
  expect(lines[3]).toMatch(/^1×16×16×1×28×28×3×1×1×2 +fused +110 kB +260 +fma f32\+functions +20 µs$/)
  const gains = lines.slice(lines.findIndex((line) => line.startsWith('pair  ')))
  expect(gains[2]).toMatch(/^conv\+batchnorm\+relu 1×16×16×1×28×28×3×1×1×2 +1\.50 × +1\.40 × +up to batch 28$/)
  // in turn where ceilings were measured beside
  expect(gains[3]).toMatch(/^dequantize-int4\+gemv 16384×8192×64 +8\.40 × +16\.8 × /)
  expect(text.replace(/\s+/g, ' ')).toContain('off by 53.3 % in the median; 1 of 2 is within 15')
})

test.each([40, 60, 100])('%i columns are enough', (width) => {
  const text = fusedText({kind: 'fused', pairs: [pair()]}, {...plain, width})
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width)
  expect(text).toMatch(/unfused .*30 µs/)
  expect(text).toContain('1.50 ×')
})

test.each([40, 50, 60, 80, 100, 120, 160])('on %i columns the note explains the columns that are there', (width) => {
  const measured = pair({speedupInTurn: 1.6, predictedInTurn: 1.7})
  const [, table, note] = fusedText({kind: 'fused', pairs: [measured]}, {...plain, width}).split('\n\n')
  const said = note!.replace(/\s+/g, ' ')
  for (const name of ['faster', 'predicted', 'over all', 'roof says', 'pays'])
    expect(said.includes(`${name}:`), name).toBe(table!.split('\n')[0]!.includes(name))
})

test('wide terminals have all figures, and files one table of two rows a pair', () => {
  const text = fusedText(
    {kind: 'fused', pairs: [pair({speedupInTurn: 1.6, predictedInTurn: 1.7})]},
    {...plain, width: 160},
  )
  for (const title of ['type', 'of the roof', 'verdict', 'over all', 'roof says']) expect(text).toContain(title)
  const sheet = fusedSheets({kind: 'fused', pairs: [pair()]})[0]![1]
  expect(sheet.raw.map((row) => row[sheet.keys.indexOf('side')])).toEqual(['unfused', 'fused'])
  expect(sheet.raw[1]![sheet.keys.indexOf('predicted_speedup')]).toBe(1.4)
})

test('a pair without ceilings or a sweep has dashes, not numbers', () => {
  const bare = pair({predictedSpeedup: null, pays: null})
  const text = fusedText({kind: 'fused', pairs: [bare]}, plain)
  expect(text).toMatch(/1\.50 × +– +–$/m)
  expect(text).not.toMatch(/in the median/)
})

test('a pair of which a side was disturbed is marked on any width, and the note says how', () => {
  const disturbed = pair({fused: {...pair().fused, verdict: 'noisy'}})
  for (const width of [40, 80, 120]) {
    const text = fusedText({kind: 'fused', pairs: [disturbed, pair()]}, {...plain, width})
    expect(text.match(/~1\.50 ×/g), `${width}`).toHaveLength(1)
    expect(text.replace(/\s+/g, ' ')).toContain('~: noisy, in one of the two forms at least.')
  }
  expect(fusedText({kind: 'fused', pairs: [pair()]}, plain)).not.toContain('~')
})

test('the agreement of one pair, and the median of an even number', () => {
  const one = fusedText({kind: 'fused', pairs: [pair()]}, {...plain, width: 160})
  expect(one).toMatch(/The prediction is off by 6\.67 %\.$/)
  const far = pair({speedup: 1, predictedSpeedup: 1.2})
  expect(fusedText({kind: 'fused', pairs: [pair(), far]}, {...plain, width: 160})).toMatch(
    /off by 13\.3 % in the median; 1 of 2 is within/,
  )
})

test('names of ceilings in short', () => {
  expect(
    ['nt-2:1-DRAM-t2', 'read-L3-t16', 'fma-f32-avx2-t1', 'fma-f32-avx2-t1+functions', 'bus', null].map(boundText),
  ).toEqual(['nt-2:1 DRAM', 'read L3', 'fma f32', 'fma f32+functions', 'bus', '–'])
})
