import {describe, expect, it} from 'vitest'
import {asciiLines, speaksUnicode, toAscii} from '../../../reports/text/ascii.ts'
import {visibleLength} from '../../../reports/text/style.ts'
import {toTerminal} from '../../../reports/text/terminal.ts'

describe('plain ASCII', () => {
  it.each([
    ['12.4 µs, 12.4 μs', '12.4 us, 12.4 us'],
    ['M×N, 2·m·n·k, a · b', 'MxN, 2*m*n*k, a - b'],
    ['at ≥ 3, ≤ 4, ≈ 5, ±1 → ∞', 'at >= 3, <= 4, ~ 5, +/-1 -> inf'],
    ['⌈m/8⌉ + ⌊n/4⌋ + x²', 'ceil(m/8) + floor(n/4) + x^2'],
    ['perf place … --report x.html', 'perf place ... --report x.html'],
    ['layers.at…softmax', 'layers.at~softmax'],
    ['Milićević x̂ h₂', 'Milicevic x h2'],
    ['模型.json', '??.json'],
    ['\u001b[36m╱─\u001b[39m', '\u001b[36m/-\u001b[39m'],
  ])('%s', (text, plain) => expect(toAscii(text)).toBe(plain))

  it('draws with one sign for one, so that nothing moves', () => {
    const drawn = '┤│└─╱○█▉▊▋▌▍▎▏'
    expect(toAscii(drawn)).toHaveLength(drawn.length)
  })

  it('breaks a line that it made too long, as far in as it began', () => {
    const [first, second] = asciiLines('  time ≥ 1 ms ≥ 2', 17).split('\n')
    expect([first, second]).toEqual(['  time >= 1 ms >=', '  2'])
  })

  it('keeps the columns of a table in line and within the terminal', () => {
    const sheet = {
      titles: ['operator', 'time ≥'],
      keys: ['operator', 'time'],
      aligns: ['left', 'right'],
      drops: [0, 0],
      narrow: [null, null],
      text: [
        ['attention ←', '1 µs'],
        ['none', '12 ms'],
      ],
      raw: [],
    } as const
    const lines = asciiLines(toTerminal(sheet, {width: 40, color: false, ascii: true}).trimEnd(), 40).split('\n')
    expect(lines).toEqual(['operator      time >=', '-'.repeat(21), 'attention <-     1 us', 'none            12 ms'])
    for (const line of lines) expect(visibleLength(line)).toBeLessThanOrEqual(40)
  })

  it.each([
    [{}, true],
    [{LANG: 'C.UTF-8'}, true],
    [{LANG: 'de_DE.utf8', LC_ALL: ''}, true],
    [{LANG: 'C'}, false],
    [{LANG: 'de_DE.ISO-8859-1'}, false],
    [{LANG: 'en_US.UTF-8', LC_ALL: 'C'}, false],
    [{LANG: 'C', LC_CTYPE: 'C.UTF-8'}, true],
    [{LANG: 'C.UTF-8', LC_ALL: 'POSIX'}, false],
  ])('is for locales without UTF-8: %j', (env, unicode) => expect(speaksUnicode(env)).toBe(unicode))
})
