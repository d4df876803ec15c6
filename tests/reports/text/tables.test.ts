import {describe, expect, it} from 'vitest'
import {toCsv} from '../../../reports/text/csv.ts'
import {toMarkdown} from '../../../reports/text/markdown.ts'
import {type Column, print} from '../../../reports/text/sheet.ts'
import {styleOf, visibleLength, wrap} from '../../../reports/text/style.ts'
import {toTerminal} from '../../../reports/text/terminal.ts'

interface Row {
  readonly id: string
  readonly value: number | null
}

const column = (key: string, drop: number, read: (row: Row) => string | number | null): Column<Row> => ({
  title: key,
  key,
  text: (row) => String(read(row) ?? '–'),
  raw: read,
  drop,
  align: drop === 0 ? 'left' : 'right',
})
const columns = [column('id', 0, (r) => r.id), column('value', 1, (r) => r.value), column('again', 2, (r) => r.value)]
const sheet = (...rows: Row[]) => print({columns, rows})

describe('CSV', () => {
  it('quotes what RFC 4180 quotes, and leaves unknown values empty', () => {
    const csv = toCsv(sheet({id: 'a,"b"\nc', value: null}, {id: 'plain', value: 1e21}))
    expect(csv).toBe('id,value,again\r\n"a,""b""\nc",,\r\nplain,1e+21,1e+21\r\n')
  })

  it('keeps a spreadsheet from running a name as a formula, and numbers as they are', () => {
    expect(toCsv(sheet({id: '=1+1', value: -5}))).toContain("\r\n'=1+1,-5,-5\r\n")
    expect(toCsv(sheet({id: '@x', value: 0}))).toContain("'@x")
  })
})

describe('Markdown', () => {
  it('escapes what would end a cell', () => {
    const markdown = toMarkdown(sheet({id: 'a|b\\c\nd', value: 1}))
    expect(markdown.split('\n')).toEqual([
      '| id | value | again |',
      '| --- | ---: | ---: |',
      '| a\\|b\\\\c d | 1 | 1 |',
      '',
    ])
  })

  it('keeps names from outside text: no picture, no code, no link', () => {
    const [, , row] = toMarkdown(sheet({id: '<img src=x onerror=alert(1)>&`x`[y](z)*\r\n|', value: 1})).split('\n')
    expect(row).toBe('| &lt;img src=x onerror=alert(1)>&amp;\\`x\\`\\[y\\](z)\\* \\| | 1 | 1 |')
  })
})

describe('the terminal table', () => {
  const rows = [
    {id: 'layers.attention.scores+softmax+values', value: 123_456_789},
    {id: 'b', value: null},
  ]

  it('narrows prose before it drops it: cut at its end, or on several lines, never beyond the width', () => {
    const prose = 'a column of many words that nobody needs in full to tell what an entry is'
    const wide = (narrow: 'cut' | 'wrap') =>
      print<Row>({columns: [columns[0]!, {...column('prose', 1, () => prose), narrow}], rows: [{id: 'x', value: 1}]})
    const cut = toTerminal(wide('cut'), {width: 40, color: false}).split('\n')
    expect(cut[2]).toMatch(/a column of many words.*…$/)
    const wrapped = toTerminal(wide('wrap'), {width: 40, color: false})
    expect(wrapped.split('\n').slice(2).join(' ').replace(/\s+/g, ' ')).toContain(prose)
    for (const line of [...cut, ...wrapped.split('\n')]) expect(visibleLength(line)).toBeLessThanOrEqual(40)
    expect(toTerminal(wide('cut'), {width: 20, color: false})).not.toContain('prose')
  })

  it('shows everything where there is room', () => {
    const lines = toTerminal(sheet(...rows), {width: 100, color: false}).split('\n')
    expect(lines[0]).toMatch(/^id +value +again$/)
    expect(lines[2]).toContain('layers.attention.scores+softmax+values')
    expect(visibleLength(lines[1]!)).toBe(Math.max(...lines.map(visibleLength)))
  })

  it('gives up the least important column first, then the middle of the name', () => {
    const at = (width: number) => toTerminal(sheet(...rows), {width, color: false})
    expect(at(52)).toContain('again')
    expect(at(40)).not.toContain('again')
    expect(at(40)).toContain('value')
    expect(at(40)).toMatch(/layers.*….*values/)
    for (let width = 14; width <= 100; width++)
      for (const line of at(width).split('\n')) expect(visibleLength(line)).toBeLessThanOrEqual(width)
  })

  it('draws nothing for no rows, and colours without moving anything', () => {
    expect(toTerminal(sheet(), {width: 80, color: true})).toBe('')
    const paint = (text: string) => styleOf(true).memory(text)
    const plain = toTerminal(sheet(...rows), {width: 60, color: false})
    const painted = toTerminal(sheet(...rows), {width: 60, color: true}, paint)
    const bare = painted.replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
    expect(painted).not.toBe(plain)
    expect(bare.replace(/ +$/gm, '')).toBe(plain)
  })
})

describe('wrapping', () => {
  it('keeps every word and no line too long', () => {
    const text = 'one two three four five six seven eight nine ten'
    for (let width = 5; width < 60; width++) {
      const lines = wrap(text, width, '  ').split('\n')
      expect(lines.join(' ').split(/\s+/)).toEqual(text.split(' '))
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(width, 7))
    }
  })

  it('counts what is already on the line and not what colours it', () => {
    const bold = styleOf(true).bold('word')
    expect(wrap(`${bold} ${bold}`, 9)).toBe(`${bold} ${bold}`)
    expect(wrap('word word', 12, '   ', 4)).toBe('word\n   word')
  })
})
