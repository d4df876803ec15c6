/** Plain ASCII for terminals whose locale has no other characters: the one place that says what stands for what. */
import {visibleLength, wrap} from './style.ts'

/** Drawing and fill: one column each, so that charts and tables keep their shape. */
const drawing: Readonly<Record<string, string>> = {
  '─': '-',
  '│': '|',
  '┤': '+',
  '└': '+',
  '╱': '/',
  '○': 'o',
  '█': '#',
  '▉': '#',
  '▊': '#',
  '▋': '#',
  '▌': '#',
  '▍': ' ',
  '▎': ' ',
  '▏': ' ',
}

/** Units, formulas and punctuation: what a person would type. */
const writing: Readonly<Record<string, string>> = {
  // both code points of micro
  '\u00b5': 'u',
  '\u03bc': 'u',
  '×': 'x',
  '·': '*',
  '÷': '/',
  '−': '-',
  '–': '-',
  '—': '-',
  '±': '+/-',
  '≥': '>=',
  '≤': '<=',
  '≈': '~',
  '∞': 'inf',
  '→': '->',
  '←': '<-',
  '√': 'sqrt ',
  '²': '^2',
  '³': '^3',
  ᵀ: '^T',
  '½': '1/2',
  '⌈': 'ceil(',
  '⌉': ')',
  '⌊': 'floor(',
  '⌋': ')',
  '‖': '||',
  '′': "'",
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  α: 'alpha',
  β: 'beta',
  γ: 'gamma',
  Δ: 'Delta',
  ε: 'eps',
  η: 'eta',
  θ: 'theta',
  π: 'pi',
  ρ: 'rho',
  Σ: 'Sum',
  σ: 'sigma',
  Φ: 'Phi',
  φ: 'phi',
  // what is cut in a table must not grow; between words see below
  '…': '~',
  '\u00a0': ' ',
  '\u202f': ' ',
}

const beyond = /[^\p{ASCII}]/gu
/** accents that remain of a letter once it is taken apart */
const accent = /\p{M}/gu

function stands(character: string): string {
  const known = drawing[character] ?? writing[character]
  if (known !== undefined) return known
  // č is c with an accent, ₂ is 2; what has no such form is a question mark, one for each
  const plain = character.normalize('NFKD').replace(accent, '')
  return [...plain].every((c) => c <= '\u007f') ? plain : '?'
}

/** The same text in ASCII; a letter from outside that has no near one is `?`. Escapes of colour stay. */
export const toAscii = (text: string): string =>
  text
    .replace(/(?<=\s|^)…(?=\s|$)/gm, '...')
    .replace(/ · /g, ' - ')
    .replace(beyond, stands)

/** As `toAscii`, where lines that it makes longer than `width` go on in the next one, as far in as they began. */
export function asciiLines(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      const plain = toAscii(line)
      if (visibleLength(plain) <= width || visibleLength(line) > width) return plain
      const start = /^ */.exec(plain)![0]
      return start + wrap(plain.slice(start.length), width, start, start.length)
    })
    .join('\n')
}

/**
 * Whether a locale can print more than ASCII: the first of LC_ALL, LC_CTYPE and LANG that is set decides, as in POSIX.
 * Where none is set nothing is known, and nearly every terminal of today reads UTF-8.
 */
export function speaksUnicode({LC_ALL, LC_CTYPE, LANG}: Readonly<Record<string, string | undefined>>): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG
  return !locale || /utf-?8/i.test(locale)
}
